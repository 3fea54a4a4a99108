"""Random attributes of ONNX operators, against the standard's own reference in NumPy.

Where that reference is wrong (in onnx 1.23.2), the attributes are not drawn, and a comment says
what it does. Inputs are whole numbers, so that sums of products are exact.
"""

import dataclasses
import math
import zlib
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from tests.cases import tolerance

from . import onnx_adapter as adapter

TURNS = 12  # cases of each operator

# How much larger than a normal number's the summed elements are; the other operators are exact.
SCALES = {"AveragePool": 8, "LpPool": 8, "DeformConv": 64}


@dataclasses.dataclass(frozen=True)
class Case:
    """An operator, its attributes and inputs, and how many outputs to ask for."""

    operator: str
    attributes: dict[str, Any]
    inputs: tuple[np.ndarray | None, ...]
    outputs: int = 1

    def __str__(self):
        attributes = " ".join(f"{name}={value}" for name, value in self.attributes.items())
        return f"{self.operator} {self.inputs[0].shape} {attributes}"

    @property
    def names(self):
        return [f"x{i}" if x is not None else "" for i, x in enumerate(self.inputs)]

    @property
    def node(self):
        results = [f"y{i}" for i in range(self.outputs)]
        return onnx.helper.make_node(self.operator, self.names, results, **self.attributes)

    @property
    def named_inputs(self):
        return {name: x for name, x in zip(self.names, self.inputs) if name}

    def with_attributes(self, **attributes):
        return dataclasses.replace(self, attributes=self.attributes | attributes)


def reference(case):
    """What onnx computes."""
    node, empty = case.node, onnx.helper.make_empty_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "one_node", [*map(empty, case.named_inputs)], [*map(empty, node.output)]
    )
    return ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, case.named_inputs)


def transposed_reference(case):
    """The same for ConvTranspose, one group at a time.

    Given several groups, onnx fails unless each has one input and one output channel, and then adds
    the bias of the first to all.
    """
    y, kernel, bias = case.inputs
    groups = case.attributes["group"]
    parts = zip(
        np.split(y, groups, axis=1),
        np.split(kernel, groups),
        [None] * groups if bias is None else np.split(bias, groups),
    )
    one = case.with_attributes(group=1)
    outputs = [reference(dataclasses.replace(one, inputs=part)) for part in parts]
    return [np.concatenate([y for (y,) in outputs], axis=1)]


# Drawing: `turn` goes through spatial ranks and kinds of padding, `rng` chooses numbers.


def integers(rng, *shape):
    return rng.integers(-8, 8, shape, endpoint=True).astype(np.float32)


def maybe(rng, x):
    return x if rng.random() < 0.5 else None


def window(rng, turn, auto_pads=("NOTSET",), *, dilated=True):
    """The attributes of a window over `turn % 3 + 1` axes, and its extents.

    It is longer than the padding, as ONNX wants it: no window is nothing but padding.
    """
    rank, auto_pad = turn % 3 + 1, auto_pads[turn // 3 % len(auto_pads)]
    kernel = rng.integers(1, 4, rank).tolist()
    strides = rng.integers(1, 4, rank).tolist()
    dilations = rng.integers(1, 3, rank).tolist() if dilated else [1] * rank
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    attributes = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    if auto_pad == "NOTSET":
        attributes["pads"] = [int(rng.integers(0, extent)) for extent in extents * 2]
    else:
        attributes["auto_pad"] = auto_pad
    return attributes, extents


def sizes_for(rng, extents):
    """Sizes that hold a window, and up to 5 elements more."""
    return [extent + int(rng.integers(0, 6)) for extent in extents]


def positions_of(attributes, extents, sizes):
    """The number of windows on each axis, with explicit padding."""
    pads, rank = attributes["pads"], len(sizes)
    return [
        (size + low + high - extent) // stride + 1
        for size, extent, stride, low, high in zip(
            sizes, extents, attributes["strides"], pads[:rank], pads[rank:]
        )
    ]


def conv(rng, turn):
    attributes, extents = window(rng, turn, ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"))
    group, per_group, out = rng.integers(1, 4, 3).tolist()
    x = integers(rng, 2, group * per_group, *sizes_for(rng, extents))
    kernel = integers(rng, group * out, per_group, *attributes["kernel_shape"])
    inputs = x, kernel, maybe(rng, integers(rng, group * out))
    return Case("Conv", attributes | {"group": group}, inputs)


def conv_transpose(rng, turn):
    attributes, extents = window(rng, turn, ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"))
    strides = attributes["strides"]
    positions = rng.integers(2, 5, len(strides)).tolist()
    full = [(p - 1) * stride + extent for p, stride, extent in zip(positions, strides, extents)]
    if "SAME" in attributes.get("auto_pad", ""):
        # Not so large that the total padding is negative: half of -1 is -1 in NumPy, 0 in C++.
        # And not without auto_pad: the reference then pads nothing, whatever `output_shape`.
        same = all(p * stride <= size for p, stride, size in zip(positions, strides, full))
        if not same or rng.random() < 0.5:
            attributes["output_shape"] = [
                size - int(rng.integers(0, extent)) for size, extent in zip(full, extents)
            ]
    else:
        attributes["output_padding"] = [int(rng.integers(0, stride)) for stride in strides]
    group, per_group, out = rng.integers(1, 4, 3).tolist()
    y = integers(rng, 2, group * per_group, *positions)
    kernel = integers(rng, group * per_group, out, *attributes["kernel_shape"])
    inputs = y, kernel, maybe(rng, integers(rng, group * out))
    return Case("ConvTranspose", attributes | {"group": group}, inputs)


def max_pool(rng, turn):
    # SAME_LOWER rounds the size down and pads like SAME_UPPER; SAME_UPPER with a stride over the
    # window starts inside the input. With strides and dilations of 1 another implementation reads
    # [top, left, bottom, right] as [top, bottom, left, right], pads two axes only, and finds
    # indices in a window of the output's shape.
    while True:
        attributes, extents = window(rng, turn, ("NOTSET", "NOTSET", "SAME_UPPER", "VALID"))
        strides = attributes["strides"]
        inside = "pads" in attributes or all(s <= e for s, e in zip(strides, extents))
        if inside and {*strides, *attributes["dilations"]} != {1}:
            break
    if "pads" in attributes:
        attributes["ceil_mode"] = turn % 2
    x = integers(rng, 2, int(rng.integers(1, 4)), *sizes_for(rng, extents))
    return Case("MaxPool", attributes, (x,))


def max_pool_with_indices(rng, turn):
    case = max_pool(rng, turn).with_attributes(storage_order=turn // 2 % 2)
    return dataclasses.replace(case, outputs=2)


def padded_pool(rng, turn):
    # With auto_pad the dilations are ignored, and padding of less than 0 is an error.
    while True:
        auto_pads = ("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER")
        attributes, extents = window(rng, turn, auto_pads, dilated=turn < TURNS // 2)
        if "pads" in attributes or all(s <= e for s, e in zip(attributes["strides"], extents)):
            return attributes, extents


def average_pool(rng, turn):
    # Of what the last window of ceil_mode reaches beyond the padding, half is added to the low
    # padding, which shifts all windows: right if that is 0 elements or 1.
    while True:
        attributes, extents = padded_pool(rng, turn)
        sizes = sizes_for(rng, extents)
        if "pads" not in attributes or turn % 2 == 0:
            break
        attributes["ceil_mode"] = 1
        if max(overhang(attributes, extents, sizes)) == 1:
            break
    attributes["count_include_pad"] = turn // 2 % 2
    return Case("AveragePool", attributes, (integers(rng, 2, 2, *sizes),))


def overhang(attributes, extents, sizes):
    """How far the last window of `ceil_mode` reaches beyond the padding, on each axis."""
    pads, rank = attributes["pads"], len(sizes)
    for size, extent, stride, low, high in zip(
        sizes, extents, attributes["strides"], pads[:rank], pads[rank:]
    ):
        last = -((extent - size - low - high) // stride) * stride
        last -= stride if last >= size + low else 0
        yield max(last + extent - size - low - high, 0)


def lp_pool(rng, turn):
    # Without ceil_mode: the mean is over the elements that the last window has, but is multiplied
    # by the number that a whole window has.
    attributes, extents = padded_pool(rng, turn)
    x = integers(rng, 2, 2, *sizes_for(rng, extents))
    return Case("LpPool", attributes | {"p": turn % 4 + 1}, (x,))


def deform_conv(rng, turn):
    # Two spatial axes, all that the reference has; more than one element on each: it divides by
    # one less.
    attributes, extents = window(rng, 1)
    sizes = [max(size, 2) for size in sizes_for(rng, extents)]
    positions = positions_of(attributes, extents, sizes)
    group, offset_group = turn % 2 + 1, turn // 2 % 2 + 1
    taps = offset_group * math.prod(attributes["kernel_shape"])
    inputs = [
        integers(rng, 2, 2, *sizes),
        integers(rng, 2, 2 // group, *attributes["kernel_shape"]),
        rng.uniform(-2, 2, (2, 2 * taps, *positions)).astype(np.float32),
        maybe(rng, integers(rng, 2)),
    ]
    if turn % 3:
        inputs.append(rng.random((2, taps, *positions)).astype(np.float32))
    attributes |= {"group": group, "offset_group": offset_group}
    return Case("DeformConv", attributes, tuple(inputs))


def col2im(rng, turn):
    attributes, extents = window(rng, turn)
    sizes, block = sizes_for(rng, extents), attributes.pop("kernel_shape")
    positions = positions_of(attributes, extents, sizes)
    columns = integers(rng, 2, 2 * math.prod(block), math.prod(positions))
    return Case("Col2Im", attributes, (columns, np.array(sizes), np.array(block)))


def depth_to_space(rng, turn):
    block, mode = turn % 3 + 1, ("DCR", "CRD")[turn % 2]
    n, c, h, w = rng.integers(1, 5, 4).tolist()
    x = integers(rng, n, c * block**2, h, w)
    return Case("DepthToSpace", {"blocksize": block, "mode": mode}, (x,))


def space_to_depth(rng, turn):
    block, mode = turn % 3 + 1, ("DCR", "CRD")[turn % 2]
    n, c, h, w = rng.integers(1, 5, 4).tolist()
    x = integers(rng, n, c, h * block, w * block)
    return Case("SpaceToDepth", {"blocksize": block, "mode": mode}, (x,))


DRAWS = (
    conv,
    conv_transpose,
    max_pool,
    max_pool_with_indices,
    average_pool,
    lp_pool,
    deform_conv,
    col2im,
    depth_to_space,
    space_to_depth,
)
CASES = tuple(
    draw(np.random.default_rng([zlib.crc32(draw.__name__.encode()), turn]), turn)
    for draw in DRAWS
    for turn in range(TURNS)
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_reference(case):
    outputs = adapter.run(case.node, case.named_inputs)
    exact = transposed_reference(case) if case.operator == "ConvTranspose" else reference(case)
    assert len(outputs) == len(exact) == case.outputs
    terms = math.prod(case.attributes.get("kernel_shape", ()))
    bound = SCALES.get(case.operator, 0) * tolerance(np.float32, terms)
    for y, expected in zip(outputs, exact):
        assert y.dtype == expected.dtype
        assert y.shape == expected.shape
        np.testing.assert_allclose(y, expected, rtol=bound, atol=bound)


def test_the_cases_are_distinct_and_have_every_option():
    assert len({str(case) for case in CASES}) == len(CASES) == 120
    seen = {(name, str(value)) for case in CASES for name, value in case.attributes.items()}
    assert seen >= {
        *(("auto_pad", kind) for kind in ("SAME_UPPER", "SAME_LOWER", "VALID")),
        *((name, n) for name in ("ceil_mode", "count_include_pad", "storage_order") for n in "01"),
        *((name, n) for name in ("group", "offset_group") for n in "12"),
        *(("mode", order) for order in ("DCR", "CRD")),
        *(("p", p) for p in "1234"),
    }
