"""ONNX operators as jitted calls of `cnn_jax.functional`.

ONNX keeps channels first, kernels as (out, in, *window), and counts a maximum's place over the
whole tensor; here that becomes channels last, (*window, in, out), and places in a feature map.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import onnx

from cnn_jax import functional as F


class OutOfScope(Exception):
    """A node asks for what `cnn_jax` does not have."""


def run(node: onnx.NodeProto, inputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """Compute the outputs of a node.

    Args:
        node: the node, which names its inputs.
        inputs: the arrays of these names.

    Raises:
        OutOfScope: if an operator, or an attribute of it, has no counterpart here.
    """
    key = node.op_type, len(node.output)
    if key not in OPERATORS:
        raise OutOfScope(f"{node.op_type} with {len(node.output)} outputs")
    attributes = {a.name: _value(a) for a in node.attribute}
    arrays = [np.asarray(inputs[name]) if name else None for name in node.input]
    outputs = OPERATORS[key](attributes, *arrays)
    if attributes:  # each operator takes out what it reads
        raise OutOfScope(f"{node.op_type} with {attributes}")
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return tuple(np.asarray(y) for y in outputs)


# Convolutions.


def _conv(attributes, x, kernel, bias=None):
    options = _window_options(attributes, _checked_rank(attributes, kernel))
    groups = attributes.pop("group", 1)
    y = _call(F.conv, _last(x), _taps_first(kernel), bias, groups=groups, **options)
    return _first(y)


def _conv_integer(attributes, x, kernel, x_zero=None, kernel_zero=None):
    # int16 holds what 8 bits less a zero point can be; F.conv sums it in int32.
    x = x.astype(np.int16) - np.int16(0 if x_zero is None else x_zero)
    zero = np.asarray(0 if kernel_zero is None else kernel_zero, np.int16)
    return _conv(attributes, x, kernel.astype(np.int16) - _per_output(zero, kernel))


def _quantized_conv(
    attributes, x, x_scale, x_zero, kernel, kernel_scale, kernel_zero, y_scale, y_zero, bias=None
):
    sums = _conv_integer(attributes, x, kernel, x_zero, kernel_zero)
    if bias is not None:
        sums = sums + bias.reshape(-1, *(1,) * (kernel.ndim - 2))
    scale = np.float64(x_scale) * np.float64(kernel_scale) / np.float64(y_scale)
    y = np.rint(sums * _per_output(scale, kernel)[..., 0]) + y_zero
    ends = np.iinfo(y_zero.dtype)
    return np.clip(y, ends.min, ends.max).astype(y_zero.dtype)


def _conv_transpose(attributes, y, kernel, bias=None):
    rank = _checked_rank(attributes, kernel)
    auto_pad = attributes.get("auto_pad", "NOTSET")
    options = _window_options(attributes, rank)
    options["groups"] = attributes.pop("group", 1)
    more = attributes.pop("output_padding", [0] * rank)
    shape = attributes.pop("output_shape", None)
    if shape is None and auto_pad.startswith("SAME") and any(more):
        shape = [p * s for p, s in zip(y.shape[2:], options["stride"])]
    if shape is None:
        options["output_padding"] = tuple(more)
    else:  # ONNX pads so that the output has this shape
        pads = []
        for size, p, k, s, d, m in zip(
            shape, y.shape[2:], kernel.shape[2:], options["stride"], options["dilation"], more
        ):
            total = (p - 1) * s + (k - 1) * d + 1 + m - size
            less, rest = total // 2, total - total // 2
            pads.append((less, rest) if auto_pad == "SAME_UPPER" else (rest, less))
        options |= {"padding": tuple(pads), "output_shape": tuple(shape)}
    return _first(_call(F.conv_transpose, _last(y), _taps_first(kernel), bias, **options))


def _deform_conv(attributes, x, kernel, offsets, bias=None, mask=None):
    rank = _checked_rank(attributes, kernel)
    options = _window_options(attributes, rank)
    options["groups"] = attributes.pop("group", 1)
    offset_groups = options["offset_groups"] = attributes.pop("offset_group", 1)
    n, _, *positions = offsets.shape
    taps = math.prod(kernel.shape[2:])
    offsets = offsets.reshape(n, offset_groups, taps, rank, *positions)
    offsets = np.moveaxis(offsets, (1, 2, 3), (-3, -2, -1))
    if mask is not None:
        mask = np.moveaxis(mask.reshape(n, offset_groups, taps, *positions), (1, 2), (-2, -1))
    y = _call(F.deform_conv, _last(x), _taps_first(kernel), offsets, mask, bias, **options)
    return _first(y)


def _causal_conv(attributes, x, kernel, bias=None, past=None):
    activation = attributes.pop("activation", "none")
    if activation not in ("none", "silu", "swish"):
        raise OutOfScope(f"activation {activation}")
    kept = kernel.shape[-1] - 1
    seen = np.zeros((*x.shape[:2], kept), x.dtype) if past is None else past
    seen = np.concatenate([seen, x], axis=2)
    # The operator sums and activates in float32 and rounds once.
    options = {"padding": "CAUSAL" if past is None else "VALID", "preferred_element_type": "f4"}
    x = x if past is None else seen
    y = _call(F.depthwise_conv, _last(x), _taps_first(kernel), bias, **options)
    y = y if activation == "none" else jax.nn.silu(y)
    return _first(y.astype(x.dtype)), seen[..., seen.shape[-1] - kept :]


# Pools.


def _max_pool(attributes, x):
    attributes.pop("storage_order", None)  # of the indices
    return _first(_call(F.max_pool, _last(x), **_pool_options(attributes)))


def _max_pool_with_indices(attributes, x):
    order = "F" if attributes.pop("storage_order", 0) else "C"
    y, indices = _call(F.max_pool_with_indices, _last(x), **_pool_options(attributes))
    spatial, indices = x.shape[2:], _first(indices)
    places = np.unravel_index(indices, spatial)
    return _first(y), np.ravel_multi_index(places, spatial, order=order) + _map_starts(x, spatial)


def _max_unpool(attributes, y, indices, shape=None):
    rank, window = y.ndim - 2, attributes.pop("kernel_shape")
    options = _window_options(attributes, rank)
    spatial = tuple(
        (p - 1) * s - low - high + k
        for p, s, (low, high), k in zip(y.shape[2:], options["stride"], options["padding"], window)
    )
    places = (indices - _map_starts(y, spatial)).astype(np.int32)
    x = _call(F.max_unpool, _last(y), _last(places), spatial=spatial)
    if shape is not None:  # ONNX: places count in the smaller map, zeros follow it
        more = tuple((0, int(size) - n) for size, n in zip(shape[2:], spatial))
        x = _call(F.pad, x, padding=more)
    return _first(x)


def _average_pool(attributes, x):
    count = bool(attributes.pop("count_include_pad", 0))
    options = _pool_options(attributes)
    return _first(_call(F.avg_pool, _last(x), count_include_pad=count, **options))


def _lp_pool(attributes, x):
    p = float(attributes.pop("p", 2))
    return _first(_call(F.lp_pool, _last(x), p=p, **_pool_options(attributes)))


def _global_pool(pool):
    def compute(attributes, x):
        rank = x.ndim - 2
        y = np.asarray(_call(pool, _last(x), spatial_rank=rank))
        return y.reshape(*x.shape[:2], *(1,) * rank)

    return compute


# Rearranging.


def _fold(attributes, columns, spatial, window):
    spatial, window = tuple(map(int, spatial)), tuple(map(int, window))
    options = _window_options(attributes, len(window))
    positions = [
        (n + low + high - (k - 1) * d - 1) // s + 1
        for n, k, s, (low, high), d in zip(spatial, window, *options.values())
    ]
    patches = columns.reshape(len(columns), -1, math.prod(window), *positions)
    patches = np.moveaxis(patches, (2, 1), (-2, -1))
    return _first(_call(F.fold, patches, spatial=spatial, window=window, **options))


def _blocks(rearrange):
    def compute(attributes, x):
        block = (attributes.pop("blocksize"),) * (x.ndim - 2)
        order = attributes.pop("mode", "DCR")
        return _first(_call(rearrange, _last(x), block=block, order=order))

    return compute


def _pad(attributes, x, pads=None, value=None, axes=None):
    pads = attributes.pop("pads") if pads is None else pads  # an attribute until opset 11
    value = attributes.pop("value", 0) if value is None else value.item()
    mode = attributes.pop("mode", "constant")
    if mode not in PADDING_MODES:
        raise OutOfScope(f"Pad with mode {mode}")
    axes = range(x.ndim) if axes is None else axes
    padding = [(0, 0)] * x.ndim
    for axis, low, high in zip(axes, pads[: len(pads) // 2], pads[len(pads) // 2 :], strict=True):
        padding[axis] = int(low), int(high)
    # Every axis is a spatial one, of one channel.
    options = {"padding_mode": PADDING_MODES[mode]} | ({"value": value} if value else {})
    return np.asarray(_call(F.pad, x[..., None], padding=tuple(padding), **options))[..., 0]


def _center_crop_pad(attributes, x, shape):
    padding = [(0, 0)] * x.ndim
    for axis, size in zip(attributes.pop("axes", range(x.ndim)), shape):
        less, more = abs(size - x.shape[axis]) // 2, (abs(size - x.shape[axis]) + 1) // 2
        sign = 1 if size > x.shape[axis] else -1
        padding[axis] = int(sign * less), int(sign * more)
    return np.asarray(_call(F.pad, x[..., None], padding=tuple(padding)))[..., 0]


def _upsample(attributes, x, scales):
    if attributes.pop("mode", "nearest") != "nearest":
        raise OutOfScope("Upsample other than nearest")
    scale = tuple(map(float, scales[2:]))
    return _first(_call(F.upsample, _last(x), scale=scale, method="nearest"))


def _resize(attributes, x, roi=None, scales=None, sizes=None):
    method = attributes.pop("mode", "nearest")
    coordinates = attributes.pop("coordinate_transformation_mode", "half_pixel")
    rounding = attributes.pop("nearest_mode", "round_prefer_floor")
    policy = attributes.pop("keep_aspect_ratio_policy", "stretch")
    axes = attributes.pop("axes", range(x.ndim))
    exact = [1.0] * x.ndim
    for axis, scale in zip(axes, _scales(x, axes, policy, scales, sizes), strict=True):
        exact[axis] = scale
    if exact[:2] != [1.0, 1.0]:
        raise OutOfScope("Resize of batch or channels")
    scale = tuple(exact[2:])
    lengths = [n * s for n, s in zip(x.shape[2:], scale)]
    if attributes.pop("cubic_coeff_a", -0.75) != -0.75 or attributes.pop("exclude_outside", 0):
        raise OutOfScope("Resize with another cubic")
    if method == "nearest":
        if (coordinates, rounding) != ("asymmetric", "floor"):
            half_pixel = (coordinates, rounding) == ("half_pixel", "round_prefer_floor")
            if not half_pixel or not all(map(_same_elements, lengths, scale)):
                raise OutOfScope("Resize to the nearest by another rule")
        return _first(_call(F.upsample, _last(x), scale=scale, method="nearest"))
    if coordinates == "align_corners" and any(length != int(length) for length in lengths):
        raise OutOfScope("Resize that aligns corners a fraction of a pixel outside")
    if coordinates not in ("half_pixel", "align_corners"):
        raise OutOfScope(f"Resize with {coordinates}")
    options = {"method": method, "align_corners": coordinates == "align_corners"}
    return _first(_call(F.upsample, _last(x), scale=scale, **options))


def _scales(x, axes, policy, scales, sizes):
    """The scale of each of `axes`, given or from `sizes`."""
    if scales is not None and scales.size:
        return [float(scale) for scale in scales]
    scales = [int(size) / x.shape[axis] for axis, size in zip(axes, sizes, strict=True)]
    if policy == "stretch":
        return scales
    scale = {"not_larger": min, "not_smaller": max}[policy](scales)
    if any(x.shape[axis] * scale % 1 for axis in axes):
        raise OutOfScope("Resize to a rounded size")
    return [scale] * len(scales)


def _same_elements(length, scale):
    """Whether the nearest to (i + 1/2) / scale - 1/2 is floor(i / scale) for all i."""
    i = np.arange(int(length))
    return (np.ceil((i + 0.5) / scale - 1) == np.floor(i / scale)).all()


PADDING_MODES = {
    "constant": "zeros",
    "edge": "replicate",
    "reflect": "reflect",
    "wrap": "circular",
}

# By name and number of outputs.
OPERATORS: dict[tuple[str, int], Any] = {
    ("AveragePool", 1): _average_pool,
    ("CausalConvWithState", 2): _causal_conv,
    ("CenterCropPad", 1): _center_crop_pad,
    ("Col2Im", 1): _fold,
    ("Conv", 1): _conv,
    ("ConvInteger", 1): _conv_integer,
    ("ConvTranspose", 1): _conv_transpose,
    ("DeformConv", 1): _deform_conv,
    ("DepthToSpace", 1): _blocks(F.depth_to_space),
    ("GlobalAveragePool", 1): _global_pool(F.global_avg_pool),
    ("GlobalMaxPool", 1): _global_pool(F.global_max_pool),
    ("LpPool", 1): _lp_pool,
    ("MaxPool", 1): _max_pool,
    ("MaxPool", 2): _max_pool_with_indices,
    ("MaxUnpool", 1): _max_unpool,
    ("Pad", 1): _pad,
    ("QLinearConv", 1): _quantized_conv,
    ("Resize", 1): _resize,
    ("SpaceToDepth", 1): _blocks(F.space_to_depth),
    ("Upsample", 1): _upsample,
}


# Layouts and attributes.


def _call(function, *arrays, **options):
    return jax.jit(lambda *arrays: function(*arrays, **options))(*arrays)


def _value(attribute):
    value = onnx.helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _last(x):
    return np.moveaxis(x, 1, -1)


def _first(y):
    return np.moveaxis(np.asarray(y), -1, 1)


def _taps_first(kernel):
    """(out, in // groups, *window) to (*window, in // groups, out)."""
    return np.moveaxis(kernel, (1, 0), (-2, -1))


def _per_output(values, kernel):
    """One number, or one per output channel, against a kernel (out, in // groups, *window)."""
    return values.reshape(-1, *(1,) * (kernel.ndim - 1))


def _map_starts(x, spatial):
    """Where in a tensor (n, c, *spatial) each feature map starts."""
    starts = np.arange(math.prod(x.shape[:2])) * math.prod(spatial)
    return starts.reshape(*x.shape[:2], *(1,) * len(spatial))


def _checked_rank(attributes, kernel):
    """The spatial rank; ONNX may name the window a second time."""
    window = attributes.pop("kernel_shape", kernel.shape[2:])
    assert tuple(window) == kernel.shape[2:]
    return len(window)


def _window_options(attributes: dict[str, Any], rank: int) -> dict[str, Any]:
    pads: Sequence[int] = attributes.pop("pads", [0] * 2 * rank)
    named = {"SAME_UPPER": "SAME", "SAME_LOWER": "SAME_LOWER", "VALID": "VALID"}
    return {
        "stride": tuple(attributes.pop("strides", [1] * rank)),
        "padding": named.get(
            attributes.pop("auto_pad", "NOTSET"), tuple(zip(pads[:rank], pads[rank:]))
        ),
        "dilation": tuple(attributes.pop("dilations", [1] * rank)),
    }


def _pool_options(attributes):
    window = tuple(attributes.pop("kernel_shape"))
    ceil_mode = bool(attributes.pop("ceil_mode", 0))
    return {"window": window, "ceil_mode": ceil_mode, **_window_options(attributes, len(window))}
