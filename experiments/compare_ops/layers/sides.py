"""Each side of a layer as a function of its arrays, by JAX and by our algorithms."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import functional as F
from experiments.compare_ops.layers.case import BUILT_IN
from experiments.compare_ops.layers.table import Layer, Side


def side_function(layer: Layer, side: Side, contender: str) -> Callable[..., jax.Array]:
    """One side of a layer as a function of `layer.shapes()`: input, kernel if any, cotangent.

    A gradient is the vector-Jacobian product by that argument alone. If it does not need the output
    of the forward pass, as for every convolution, `jax.jit` removes the forward pass.

    Args:
        layer: the layer.
        side: which of its sides.
        contender: `BUILT_IN`, or an algorithm of ours.
    """
    forward = built_in(layer) if contender == BUILT_IN else ours(layer, contender)
    if side == "output":
        return lambda *arrays: forward(*arrays[:-1])
    if side == "kernel_grad":
        return lambda x, kernel, g: jax.vjp(lambda kernel: forward(x, kernel), kernel)[1](g)[0]
    return lambda x, *rest: jax.vjp(lambda x: forward(x, *rest[:-1]), x)[1](rest[-1])[0]


def ours(layer: Layer, algorithm: str) -> Callable[..., jax.Array]:
    """The layer by `cnn_jax.functional`, as a function of its input and kernel."""
    options = {"stride": layer.stride, "padding": layer.padding, "algorithm": algorithm}
    if layer.operation == "conv":
        options |= {"dilation": layer.dilation, "groups": layer.groups}
        return lambda x, kernel: F.conv(x, kernel, **options)
    pool = F.max_pool if layer.operation == "max_pool" else F.avg_pool
    return lambda x: pool(x, layer.size, **options)


def built_in(layer: Layer) -> Callable[..., jax.Array]:
    """The layer by `jax.lax`, as a function of its input and kernel."""
    window = layer.window
    if layer.operation == "conv":
        spatial = "DHW"[-window.rank :]
        return lambda x, kernel: lax.conv_general_dilated(
            x,
            kernel,
            window.stride,
            window.padding,
            rhs_dilation=window.dilation,
            dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
            feature_group_count=layer.groups,
        )
    options = {
        "window_dimensions": (1, *window.size, 1),
        "window_strides": (1, *window.stride, 1),
        "padding": ((0, 0), *window.padding, (0, 0)),
    }
    if layer.operation == "max_pool":
        return lambda x: lax.reduce_window(x, -jnp.inf, lax.max, **options)
    taps = math.prod(window.size)
    return lambda x: lax.reduce_window(x, 0.0, lax.add, **options) / taps


def inputs(layer: Layer) -> list[np.ndarray]:
    """Standard normal arrays of `layer.shapes()`, the same in every run and in PyTorch's worker."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in layer.shapes()]
