"""Make the parameters of a layer: call an initializer, check what it returns."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from cnn_jax import arguments


def parameter(
    name: str,
    shape: tuple[int, ...],
    init: Initializer,
    dtype: DTypeLike,
    rngs: nnx.Rngs,
) -> nnx.Param[jax.Array]:
    """Make a parameter from a new key of the stream ``params``.

    Args:
        name: of the argument that `init` was given as, for errors.
        shape: of the parameter.
        init: makes it from (key, shape, dtype).
        dtype: of the parameter.
        rngs: the random streams.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if `init` makes an array of another shape.
    """
    if not isinstance(rngs, nnx.Rngs):
        raise TypeError(
            f"`rngs` must be a flax.nnx.Rngs, such as nnx.Rngs(0); got {arguments.shown(rngs)}."
        )
    arguments.function(name, init, "(key, shape, dtype)")
    value = init(rngs.params(), shape, jnp.dtype(arguments.dtype("param_dtype", dtype)))
    if jnp.shape(value) != shape:
        raise ValueError(f"`{name}` must make an array of shape {shape}; got {jnp.shape(value)}.")
    return nnx.Param(value)


def bias(
    use_bias: bool,
    shape: tuple[int, ...],
    init: Initializer,
    dtype: DTypeLike,
    rngs: nnx.Rngs,
) -> nnx.Param[jax.Array] | None:
    """Make a bias as `parameter` does; None if `use_bias` is false.

    Raises:
        TypeError: if `use_bias` is neither True nor False, or as for `parameter`.
        ValueError: as for `parameter`.
    """
    if not arguments.flag("use_bias", use_bias):
        return None
    return parameter("bias_init", shape, init, dtype, rngs)


def value(array: nnx.Param[jax.Array] | None) -> jax.Array | None:
    """The array of a parameter; None if there is no parameter."""
    return None if array is None else array[...]
