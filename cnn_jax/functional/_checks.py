"""Checks of the arguments of public functions, before anything is computed."""

import math
from functools import reduce
from numbers import Real

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import arguments
from cnn_jax.arguments import shown

_KINDS = (jnp.integer, jnp.floating, jnp.complexfloating)


def array(name: str, value: object) -> jax.Array:
    """`value` as a JAX array, if it is an array of numbers.

    Raises:
        TypeError: if it is no array, or holds no numbers.
    """
    if hasattr(value, "__jax_array__"):  # a Flax parameter
        value = jnp.asarray(value)
    masked = isinstance(value, np.ma.MaskedArray)
    if masked or not isinstance(value, jax.Array | np.ndarray | np.generic):
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
    """`x` as an array, if it holds floats; else a TypeError: `what` says what they are for."""
    x = array("x", x)
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        raise TypeError(f"`x` must hold floats to {what}; got {x.dtype}: convert it first.")
    return x


def spatial_axes(x: jax.Array, rank: int, source: str, name: str = "x") -> tuple[int, ...]:
    """The spatial lengths of `x` (*batch, *spatial, channels).

    Args:
        x: the input.
        rank: the number of spatial axes.
        source: the argument that determines `rank`, for the error.
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


def random_key(key: object) -> jax.Array:
    """`key`, if it is one key of `jax.random`, of the new style or the old; else a TypeError."""
    if isinstance(key, jax.Array | np.ndarray):
        new = jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()
        if new or (key.dtype == jnp.uint32 and key.shape == (2,)):
            return key  # pyright: ignore[reportReturnType]
        found = _described(key)
    else:
        found = type(key).__name__
    raise TypeError(f"`key` must be a key of jax.random, such as jax.random.key(0); got {found}.")


def scalar(name: str, value: object, dtype: jnp.dtype) -> jax.Array:
    """`value`, a number, as an array without axes of `dtype`.

    Raises:
        TypeError: if it is no number, or of another kind than `dtype` (a float for integers).
        ValueError: if `dtype` is one of integers and cannot hold `value`.
    """
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        is_number = value.shape == () and jnp.issubdtype(value.dtype, jnp.number)
    else:
        is_number = isinstance(value, int | float | complex) and not isinstance(value, bool)
    if not is_number:
        raise TypeError(f"`{name}` must be a number; got {shown(value)}.")
    whole = arguments.as_int(value)
    kinds = (0 if whole is not None else _kind(jnp.result_type(value)), _kind(dtype))
    if kinds[0] > kinds[1]:
        raise TypeError(f"`{name}` must fit {dtype}, the dtype of the input; got {shown(value)}.")
    if kinds == (0, 0) and whole is not None:
        limits = jnp.iinfo(dtype)
        if not limits.min <= whole <= limits.max:
            raise ValueError(
                f"`{name}` must be from {limits.min} to {limits.max}, what {dtype} can hold; got "
                f"{shown(value)}."
            )
    try:
        return jnp.asarray(value, dtype)
    except OverflowError:  # an int that no float is near
        raise ValueError(f"`{name}` must fit {dtype}; got {shown(value)}.") from None


def norm_order(p: object) -> float:
    """`p` as a float, if it is a number of at least 1, infinity included.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is below 1.
    """
    rule = f"`p` must be a number of at least 1, or inf; got {shown(p)}."
    if isinstance(p, bool) or not isinstance(p, Real):
        raise TypeError(rule + arguments.if_traced("p", p))
    try:
        order = float(p)
    except OverflowError:  # an int that no float is near
        raise ValueError(rule) from None
    if not order >= 1:
        raise ValueError(rule)
    return order


def common_dtype(**arrays: jax.Array) -> jnp.dtype:
    """The dtype that JAX promotes the `arrays` to; a TypeError if there is none."""
    try:
        return jnp.dtype(reduce(jnp.promote_types, (array.dtype for array in arrays.values())))
    except (TypeError, ValueError):  # JAX's TypePromotionError is a ValueError
        names = " and ".join(f"`{name}`" for name in arrays)
        dtypes = ", ".join(str(array.dtype) for array in arrays.values())
        raise TypeError(
            f"{names} must have dtypes that JAX promotes to a common one; got {dtypes}: convert "
            "one of them."
        ) from None


def fits_kind(dtype: jnp.dtype, into: jnp.dtype) -> bool:
    """Whether `dtype` is of the kind of `into` or a narrower one: integers, floats, complex."""
    return _kind(dtype) <= _kind(into)


def precision_name(precision: object) -> str | None:
    """`precision` as `jax.default_matmul_precision` takes it.

    Raises:
        ValueError: if it is none of JAX's precisions.
    """
    if precision is None or isinstance(precision, lax.Precision):
        return precision and precision.name.lower()
    try:
        return lax.Precision(precision if isinstance(precision, str) else ()).name.lower()
    except ValueError:
        names = [p.name.lower() for p in lax.Precision]
        raise ValueError(
            f"`precision` must be None, a `jax.lax.Precision` or one of "
            f"{', '.join(map(repr, names))}; got {shown(precision)}."
            f"{arguments.did_you_mean(precision, names)}"
        ) from None


def with_one_batch_axis(x: jax.Array, rank: int) -> jax.Array:
    """Reshape (*batch, *spatial, channels) to (n, *spatial, channels)."""
    batch = x.shape[: x.ndim - rank - 1]
    return x if len(batch) == 1 else x.reshape(math.prod(batch), *x.shape[len(batch) :])


def _described(value: jax.Array | np.ndarray | np.generic) -> str:
    return f"{value.dtype} of shape {value.shape}"


def _kind(dtype: jnp.dtype) -> int:
    return next(i for i, kind in enumerate(_KINDS) if jnp.issubdtype(dtype, kind))
