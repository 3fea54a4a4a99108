"""Each side of a layer as a function of its arrays, by JAX and by our algorithms."""

import math
from collections.abc import Callable
from dataclasses import replace

import jax
import numpy as np
from jax import lax

from cnn_jax import functional as F
from cnn_jax.geometry import Pair, Window
from experiments.compare_ops.layers.case import BUILT_IN
from experiments.compare_ops.layers.layer import Layer, Side

EXTREMES = {"max_pool": (-math.inf, lax.max), "min_pool": (math.inf, lax.min)}


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
    options = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    options["algorithm"] = algorithm
    if layer.operation == "conv":
        options |= {"input_dilation": layer.input_dilation, "groups": layer.groups}
        return lambda x, kernel: F.conv(x, kernel, **options)
    pool = getattr(F, layer.operation)
    return lambda x: pool(x, layer.size, **options)


def built_in(layer: Layer) -> Callable[..., jax.Array]:
    """The layer by `jax.lax`, as a function of its input and kernel."""
    window = layer.window
    if any(min(pair) < 0 for pair in window.padding):
        inner = built_in(replace(layer, padding=_without_crops(window), input_dilation=1))
        return lambda x, *kernel: inner(_cropped(x, window), *kernel)
    if layer.operation == "conv":
        spatial = "".join(map(str, range(window.rank)))
        return lambda x, kernel: lax.conv_general_dilated(
            x,
            kernel,
            window.stride,
            window.padding,
            lhs_dilation=window.base_dilation,
            rhs_dilation=window.dilation,
            dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
            feature_group_count=layer.groups,
        )
    options = {
        "window_dimensions": (1, *window.size, 1),
        "window_strides": (1, *window.stride, 1),
        "padding": ((0, 0), *window.padding, (0, 0)),
        "window_dilation": (1, *window.dilation, 1),
    }
    if layer.operation in EXTREMES:
        start, larger = EXTREMES[layer.operation]
        return lambda x: lax.reduce_window(x, x.dtype.type(start), larger, **options)
    divisor = math.prod(window.size) if layer.operation == "avg_pool" else 1
    return lambda x: lax.reduce_window(x, x.dtype.type(0), lax.add, **options) / divisor


def _without_crops(window: Window) -> tuple[Pair, ...]:
    """The padding that is left after `_cropped`."""
    return tuple((max(low, 0), max(high, 0)) for low, high in window.padding)


def _cropped(x: jax.Array, window: Window) -> jax.Array:
    """x with its base dilation, without what negative padding drops.

    XLA itself may read beyond an array if it is given a negative padding (openxla/xla#48713).
    """
    between = [(0, 0, b - 1) for b in window.base_dilation]
    x = lax.pad(x, x.dtype.type(0), [(0, 0, 0), *between, (0, 0, 0)])
    starts = [max(-low, 0) for low, _ in window.padding]
    stops = [n - max(-high, 0) for n, (_, high) in zip(x.shape[1:-1], window.padding)]
    return lax.slice(x, (0, *starts, 0), (x.shape[0], *stops, x.shape[-1]))


def inputs(layer: Layer) -> list[np.ndarray]:
    """Standard normal arrays of `layer.shapes()`, the same in every run and in PyTorch's worker.

    They are of float32; both convert them to the layer's dtype.
    """
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in layer.shapes()]
