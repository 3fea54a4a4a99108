"""The checks that every layer makes of its arguments and of its input."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from cnn_jax import arguments


def window_size(kernel_size: object) -> tuple[int, ...]:
    """Check `kernel_size`, and return it as a tuple of one int per spatial axis.

    Raises:
        TypeError: if it is no tuple or list of ints.
        ValueError: if an entry is below 1.
    """
    if not isinstance(kernel_size, tuple | list):
        size = arguments.as_int(kernel_size)
        hint = "" if size is None else f" For images write ({size}, {size})."
        raise TypeError(
            "`kernel_size` must be a tuple with one int per spatial axis, such as (3, 3) for "
            f"images; got {arguments.shown(kernel_size)}.{hint}"
        )
    return arguments.per_axis("kernel_size", kernel_size, len(kernel_size), source(kernel_size))


def source(kernel_size: Sequence[int]) -> str:
    """The text by which an error names the argument that sets the number of spatial axes."""
    return f"`kernel_size` {tuple(kernel_size)}"


def check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    """Check that these are positive ints, and that `groups` divides both numbers of channels.

    Raises:
        TypeError: if one is no int.
        ValueError: if one is below 1, or `groups` does not divide them.
    """
    arguments.integer("in_channels", in_channels, at_least=1)
    arguments.integer("out_channels", out_channels, at_least=1)
    arguments.integer("groups", groups, at_least=1)
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"`groups` must divide `in_channels` and `out_channels`; got {groups} for "
            f"{in_channels} and {out_channels}."
        )


def checked_input(x: jax.Array, channels: int, rank: int) -> jax.Array:
    """Check the shape (*batch, *spatial, channels) of `x`, and return it as an array.

    Raises:
        ValueError: if it has too few axes, or another number of channels than the layer.
    """
    shape = jnp.shape(x)
    if len(shape) <= rank or shape[-1] != channels:
        first = len(shape) > rank and shape[-1 - rank] == channels
        hint = f" Channels come last here: jnp.moveaxis(x, {-1 - rank}, -1)." if first else ""
        axes = "axis" if rank == 1 else "axes"
        raise ValueError(
            f"`x` must be (*batch, *spatial, channels) with the layer's {rank} spatial {axes} and "
            f"{channels} channels; got shape {shape}.{hint}"
        )
    return jnp.asarray(x)
