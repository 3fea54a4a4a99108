"""The numbers of a convolution: dtypes to compute in and to return, channels, groups, bias."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax.algorithms import Algorithm, sum_dtype

from . import _checks as checks
from ._layouts import channels_last_hint


def result_dtype(dtype: jnp.dtype, preferred: DTypeLike | None = None) -> jnp.dtype:
    """The dtype of a convolution's result, from that of its operands.

    It is `preferred` if given; else `dtype`, or int32 for narrower integers.

    Raises:
        TypeError: if `preferred` is no dtype of numbers.
        ValueError: if it cannot hold the sums of products of `dtype`.
    """
    sums = sum_dtype(dtype)
    default = sums if jnp.issubdtype(dtype, jnp.integer) else dtype
    if preferred is None:
        return default
    preferred = number_dtype("preferred_element_type", preferred)
    if preferred == default:
        return default
    integers = [jnp.issubdtype(d, jnp.integer) for d in (sums, preferred)]
    if any(integers) != all(integers) or not np.can_cast(sums, preferred):
        raise ValueError(
            f"`preferred_element_type` must be {default} or hold every {sums}, the type that "
            f"products of {dtype} are summed in; got {preferred}."
        )
    return preferred


def number_dtype(name: str, value: object) -> jnp.dtype:
    """`value` as a dtype of numbers; a TypeError if it is none."""
    dtype = jnp.dtype(arguments.dtype(name, value))
    if not jnp.issubdtype(dtype, jnp.number):
        raise TypeError(f"`{name}` must be a dtype of numbers; got {dtype}.")
    return dtype


def compute_dtype(algorithm: Algorithm, dtype: jnp.dtype, result: jnp.dtype) -> jnp.dtype:
    """The dtype to give `algorithm` the operands in, so that its sums are as wide as `result`."""
    return dtype if algorithm.widens and result == result_dtype(dtype) else sum_dtype(result)


def check_kernel(kernel: jax.Array, name: str = "kernel") -> int:
    """The spatial rank of `kernel` (*window, in_channels // groups, out_channels).

    Raises:
        ValueError: if it has too few axes, or no tap.
    """
    if kernel.ndim < 2:
        raise ValueError(
            f"`{name}` must be (*window, in_channels // groups, out_channels): at least 2 axes; "
            f"got shape {kernel.shape}."
        )
    rank = kernel.ndim - 2
    if 0 in kernel.shape[:rank]:
        raise ValueError(f"`{name}` must have a tap on every axis; got shape {kernel.shape}.")
    return rank


def check_groups(groups: object, x: jax.Array, kernel: jax.Array) -> int:
    """`groups` as an int, if it divides the channels of `x` and `kernel`.

    Raises:
        TypeError: if it is no int.
        ValueError: if shapes and groups do not fit together.
    """
    number = arguments.integer("groups", groups, at_least=1)
    shapes = f"`x` {x.shape} and `kernel` {kernel.shape}"
    channels, per_group = x.shape[-1], kernel.shape[-2]
    if channels != per_group * number:
        hint = channels_last_hint(x.shape, kernel.shape, lambda c, i, o: c == i * number)
        raise ValueError(
            "`kernel` must be (*window, in_channels // groups, out_channels): with `groups` "
            f"{number} it takes {per_group * number} input channels, and `x` has {channels}; "
            f"got {shapes}.{hint}"
        )
    check_divides(number, kernel, shapes)
    return number


def check_divides(groups: int, kernel: jax.Array, shapes: str) -> None:
    """Check that `groups` divides the kernel's output channels; a ValueError names the `shapes`."""
    if kernel.shape[-1] % groups:
        raise ValueError(
            f"`groups` must divide the number of output channels, {kernel.shape[-1]}; "
            f"got {groups} for {shapes}."
        )


def add_bias(
    y: jax.Array, bias: object, kernel: jax.Array, name: str = "out_channels"
) -> jax.Array:
    """Add `bias`, one number for each channel of y (*batch, *positions, channels); None adds none.

    Raises:
        TypeError: if it is no array, or of a dtype that the result's cannot hold.
        ValueError: if it has another shape; `name` is what the error calls the channels.
    """
    if bias is None:
        return y
    bias = checked_bias(bias, y.dtype)
    if bias.shape != y.shape[-1:]:
        raise ValueError(
            f"`bias` must be ({name},), here {y.shape[-1:]} for `kernel` {kernel.shape}; "
            f"got shape {bias.shape}."
        )
    return y + jnp.expand_dims(bias, tuple(range(y.ndim - 1)))


def checked_bias(bias: object, dtype: jnp.dtype) -> jax.Array:
    """`bias` as an array of `dtype`, if that can hold its numbers; else a TypeError."""
    if isinstance(bias, int | str | tuple | list) and not isinstance(bias, bool):
        option = "padding" if isinstance(bias, str) else "stride"  # most likely what was meant
        raise TypeError(
            f"`bias` must be a JAX or NumPy array; got {arguments.shown(bias)}. Options are given "
            f"by name, such as `{option}={arguments.shown(bias)}`."
        )
    bias = checks.array("bias", bias)
    if not checks.fits_kind(bias.dtype, dtype):
        raise TypeError(f"`bias` must fit the result's dtype, {dtype}; got {bias.dtype}.")
    return bias.astype(dtype)
