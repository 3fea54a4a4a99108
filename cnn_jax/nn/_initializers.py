"""How kernels start: the same numbers as JAX's initializers, drawn in a way that compiles fast."""

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax.nn import initializers
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from cnn_jax import arguments

MODES = ("fan_in", "fan_out", "fan_avg")
Distribution = Literal["truncated_normal", "normal", "uniform"]
Axes = int | Sequence[int]
Made = Callable[..., jax.Array]  # an initializer


def flat(initializer: Initializer) -> Made:
    """The numbers of an initializer that does not ask for the shape, drawn along one axis.

    XLA takes up to 3 seconds to compile random numbers with the four axes of a kernel on a CPU, for
    each shape, and 0.2 seconds with one. The numbers are the same, but for the last bit.

    ```
    >>> init = flat(initializers.normal(0.01))
    >>> init(jax.random.key(0), (3, 3, 16, 32)).shape
    (3, 3, 16, 32)

    ```

    Args:
        initializer: a function of (key, shape, dtype), such as `jax.nn.initializers.normal(0.01)`.
            Not one that counts the axes' lengths: for He's and Xavier's see `variance_scaling`.

    Returns:
        A function of (key, shape, dtype).

    Raises:
        TypeError: `initializer` is no function.
    """
    arguments.function("initializer", initializer, "(key, shape, dtype)")

    def init(key: jax.Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        return initializer(key, (1, math.prod(shape)), dtype).reshape(shape)

    return init


def variance_scaling(
    scale: float,
    mode: str = "fan_in",
    distribution: Distribution = "truncated_normal",
    *,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
) -> Made:
    """Random weights of mean 0 and variance ``scale / fan``.

    The numbers are those of `jax.nn.initializers.variance_scaling`, drawn as `flat` does.

    ```
    >>> init = variance_scaling(2.0)
    >>> init(jax.random.key(0), (3, 3, 16, 32)).shape
    (3, 3, 16, 32)

    ```

    Args:
        scale: of the variance: 2 is He's, 1 with ``"fan_avg"`` Xavier's.
        mode: what fan is: ``"fan_in"``, the inputs of a sum, taps times channels; ``"fan_out"``,
            taps times the outputs; or ``"fan_avg"``, the mean of both.
        distribution: ``"truncated_normal"``, cut at two deviations, ``"normal"`` or ``"uniform"``.
        in_axis: the axis or the axes of the inputs.
        out_axis: the axis or the axes of the outputs.
        batch_axis: axes of kernels that are independent of each other, such as the places of
            `ConvLocal`. All other axes are taps.

    Returns:
        A function of (key, shape, dtype).

    Raises:
        ValueError: `scale` is not positive, or `mode` or `distribution` is none of those named.
    """
    arguments.number("scale", scale, above=0)
    arguments.one_of("mode", mode, MODES)
    arguments.one_of("distribution", distribution, get_args(Distribution))

    def init(key: jax.Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        inputs, outputs, batch = (_length(shape, at) for at in (in_axis, out_axis, batch_axis))
        taps = math.prod(shape) / (inputs * outputs * batch)
        fans = {"fan_in": inputs * taps, "fan_out": outputs * taps}
        fan = fans.get(mode, (inputs + outputs) * taps / 2)
        same = initializers.variance_scaling(scale / fan, "fan_in", distribution)
        return flat(same)(key, shape, dtype)  # of shape (1, total), where fan_in is 1

    return init


def _length(shape: Sequence[int], axes: Axes) -> int:
    return math.prod(shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes))


def _he(batch_axis: Axes) -> Made:
    return variance_scaling(2.0, batch_axis=batch_axis)


def _xavier(batch_axis: Axes) -> Made:
    return variance_scaling(1.0, "fan_avg", "uniform", batch_axis=batch_axis)


_BY_ACTIVATION = {"relu": _he, "sigmoid": _xavier, "tanh": _xavier}


def for_activation(activation: str, *, batch_axis: Axes = ()) -> Made:
    """The initializer with which activations keep their scale from layer to layer.

    For ReLU it is He's, of variance ``2 / fan_in``: the 2 makes up for the half that ReLU sets to
    zero. For sigmoid and tanh it is Xavier's, of variance ``2 / (fan_in + fan_out)``. Both fans of
    a convolution's kernel are multiplied by its number of taps.

    Args:
        activation: ``"relu"``, ``"sigmoid"`` or ``"tanh"``.
        batch_axis: axes of kernels that are independent of each other, see `variance_scaling`.

    Returns:
        A function of (key, shape, dtype).

    Raises:
        ValueError: if `activation` is none of these.

    References:
        He et al., *Delving deep into rectifiers*, 2015, arXiv:1502.01852, equation 10. Glorot and
        Bengio, *Understanding the difficulty of training deep feedforward neural networks*,
        AISTATS 2010, equation 16.
    """
    make = _BY_ACTIVATION[arguments.one_of("activation", activation, _BY_ACTIVATION)]
    return make(batch_axis)
