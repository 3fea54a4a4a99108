"""Checks at the public edge: what is wrong is named here, before anything is computed."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import arguments


def array(name: str, value: object) -> jax.Array:
    """`value` as a JAX array, if it is an array of numbers.

    Raises:
        TypeError: if it is no array, or holds no numbers.
    """
    if hasattr(value, "__jax_array__"):  # a Flax parameter
        value = jnp.asarray(value)
    if not isinstance(value, jax.Array | np.ndarray | np.generic):
        raise TypeError(f"`{name}` must be a JAX or NumPy array; got {type(value).__name__}.")
    if not jnp.issubdtype(value.dtype, jnp.number):
        raise TypeError(f"`{name}` must hold numbers; got {_described(value)}: convert it first.")
    return jnp.asarray(value)


def ordered(name: str, value: object) -> jax.Array:
    """`value` as a JAX array, if it is an array of numbers that have an order.

    Raises:
        TypeError: if it is not.
    """
    numbers = array(name, value)
    if jnp.issubdtype(numbers.dtype, jnp.complexfloating):
        raise TypeError(f"`{name}` must hold real numbers; got {_described(numbers)}.")
    return numbers


def floats(x: object, what: str) -> jax.Array:
    """`x` as an array, if it holds floats; a TypeError says that it must to `what`."""
    x = array("x", x)
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        raise TypeError(f"`x` must hold floats to {what}; got {x.dtype}: convert it first.")
    return x


def spatial_axes(x: jax.Array, rank: int, source: str, name: str = "x") -> tuple[int, ...]:
    """The spatial lengths of `x` (*batch, *spatial, channels).

    Args:
        x: the input.
        rank: the number of spatial axes.
        source: what says so, for the error.
        name: what the caller calls `x`.

    Raises:
        ValueError: if `x` has too few axes.
    """
    if x.ndim < rank + 1:
        raise ValueError(
            f"`{name}` must be (*batch, *spatial, channels) with {rank} spatial axes, as {source} "
            f"says: at least {rank + 1} axes; got shape {x.shape}."
        )
    return x.shape[x.ndim - 1 - rank : -1]


def window_size(window: object) -> tuple[int, ...]:
    """A pool's window, whose length is the spatial rank.

    Raises:
        TypeError: if it is not a tuple or list, so that the rank would be a guess.
    """
    if not isinstance(window, tuple | list):
        raise TypeError(
            "`window` must be a tuple with one int per spatial axis, such as (2, 2) for images; "
            f"got {window!r}."
        )
    return tuple(window)


def sizes(
    name: str, value: object, example: str = "(8, 8)", source: str = "the result"
) -> tuple[int, ...]:
    """A tuple of positive ints, one per spatial axis, whose length is the spatial rank.

    `example` is one for images, and `source` whose axes they are, for the errors.

    Raises:
        TypeError: if it is not a tuple or list, so that the rank would be a guess, or not of ints.
        ValueError: if one is less than 1.
    """
    if not isinstance(value, tuple | list):
        raise TypeError(
            f"`{name}` must be a tuple with one int per spatial axis, such as {example} for "
            f"images; got {value!r}."
        )
    return arguments.per_axis(name, value, len(value), source)


def random_key(key: object) -> jax.Array:
    """`key`, if it is one key of `jax.random`, of the new style or the old; else a TypeError."""
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    new = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ()
    old = dtype == jnp.uint32 and shape == (2,)
    if not (new or old):
        raise TypeError(
            "`key` must be a key of jax.random, such as jax.random.key(0); got "
            f"{type(key).__name__ if dtype is None else f'{dtype} of shape {shape}'}."
        )
    return key  # pyright: ignore[reportReturnType]


def flag(name: str, value: object) -> bool:
    """`value`, if it is a bool; a TypeError names it if not."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` must be True or False; got {value!r}.")
    return bool(value)


def precision_name(precision: object) -> str | None:
    """`precision` as `jax.default_matmul_precision` takes it.

    Raises:
        ValueError: if it is none of JAX's precisions.
    """
    if precision is None:
        return None
    try:
        return lax.Precision(precision).name.lower()
    except (ValueError, TypeError):
        known = ", ".join(repr(p.name.lower()) for p in lax.Precision)
        raise ValueError(
            f"`precision` must be None, a `jax.lax.Precision` or one of {known}; got {precision!r}."
        ) from None


def with_one_batch_axis(x: jax.Array, rank: int) -> jax.Array:
    """Reshape (*batch, *spatial, channels) to (n, *spatial, channels)."""
    batch = x.shape[: x.ndim - rank - 1]
    return x if len(batch) == 1 else x.reshape(math.prod(batch), *x.shape[len(batch) :])


def _described(value: jax.Array | np.ndarray | np.generic) -> str:
    return f"{value.dtype} of shape {value.shape}"
