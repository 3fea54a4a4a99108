"""What every layer checks and keeps of its arguments."""

from collections.abc import Sequence
from typing import Any

import jax
from flax import nnx

from cnn_jax import arguments


def params_key(rngs: object) -> jax.Array:
    """A new key from the stream ``params`` of `rngs`; a TypeError if they are no random streams."""
    if not isinstance(rngs, nnx.Rngs):
        raise TypeError(f"`rngs` must be a flax.nnx.Rngs, such as nnx.Rngs(0); got {rngs!r}.")
    return rngs.params()


def window_size(kernel_size: object) -> tuple[int, ...]:
    """`kernel_size`, whose length is the spatial rank.

    Raises:
        TypeError: if it is no tuple or list of ints.
        ValueError: if an entry is below 1.
    """
    if not isinstance(kernel_size, tuple | list):
        raise TypeError(
            "`kernel_size` must be a tuple with one int per spatial axis, such as (3, 3) for "
            f"images; got {kernel_size!r}."
        )
    return arguments.per_axis("kernel_size", kernel_size, len(kernel_size), source(kernel_size))


def source(kernel_size: Sequence[int]) -> str:
    """What says how many spatial axes there are, for errors."""
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


def check_input(x: jax.Array, channels: int) -> None:
    """Check that `x` has these channels, where its kernel alone would fit other numbers too."""
    if x.ndim == 0 or x.shape[-1] != channels:
        raise ValueError(
            f"`x` must be (*batch, *spatial, channels) with the layer's {channels} channels; got "
            f"shape {x.shape}."
        )


def hashable(padding: Any) -> Any:
    """`padding` with tuples for lists: Flax keeps options in a graph definition that is hashed."""
    return tuple(map(hashable, padding)) if isinstance(padding, list | tuple) else padding
