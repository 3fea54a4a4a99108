"""What a convolution computes in, what it returns, and how a bias joins it."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax.algorithms import Algorithm, sum_dtype

from . import _checks as checks

_KINDS = (jnp.integer, jnp.floating, jnp.complexfloating)


def result_dtype(dtype: jnp.dtype, preferred: DTypeLike | None = None) -> jnp.dtype:
    """The dtype of sums of products of `dtype`: `preferred` if it holds them, else the default.

    Raises:
        TypeError: if `preferred` is no dtype.
        ValueError: if it cannot hold the sums.
    """
    sums = sum_dtype(dtype)
    default = sums if jnp.issubdtype(dtype, jnp.integer) else dtype
    if preferred is None:
        return default
    try:
        preferred = jnp.dtype(preferred)
    except TypeError as error:
        raise TypeError(f"`preferred_element_type` must be a dtype; got {preferred!r}.") from error
    if preferred == default:
        return default
    integers = [jnp.issubdtype(d, jnp.integer) for d in (sums, preferred)]
    if any(integers) != all(integers) or np.promote_types(sums, preferred) != preferred:
        raise ValueError(
            f"`preferred_element_type` must be {default} or hold every {sums}, the type that "
            f"products of {dtype} are summed in; got {preferred}."
        )
    return preferred


def compute_dtype(algorithm: Algorithm, dtype: jnp.dtype, result: jnp.dtype) -> jnp.dtype:
    """The dtype to hand arrays of `dtype` to `algorithm` in, for sums that fit into `result`."""
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
        raise ValueError(
            "`kernel` must be (*window, in_channels // groups, out_channels): with `groups` "
            f"{number} it takes {per_group * number} input channels, and `x` has {channels}; "
            f"got {shapes}."
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
        ValueError: if its shape is another; `name` is what the channels are called there.
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
    """`bias` as an array of `dtype`, if that is of its kind or a wider one; else a TypeError."""
    bias = checks.array("bias", bias)
    kind, widest = (
        next(i for i, kind in enumerate(_KINDS) if jnp.issubdtype(d, kind))
        for d in (bias.dtype, dtype)
    )
    if kind > widest:
        raise TypeError(f"`bias` must fit the result's dtype, {dtype}; got {bias.dtype}.")
    return bias.astype(dtype)
