"""Every case that the ONNX standard ships for our operators, and every one PyTorch recorded for it.

`tests.conformance.onnx_adapter` turns each node into one call of `cnn_jax.functional`.
"""

import dataclasses
import importlib
import importlib.util
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx.backend.test import loader
from onnx.backend.test.case import node as onnx_nodes

from . import onnx_adapter as adapter

# fmt: off
COUNTED_IN = "1.23.2"  # the onnx whose cases these are; later ones may have more
COUNTS = {
    "AveragePool": 20, "CausalConvWithState": 13, "CenterCropPad": 6, "Col2Im": 5, "Conv": 6,
    "ConvInteger": 2, "ConvTranspose": 11, "DeformConv": 4, "DepthToSpace": 2,
    "GlobalAveragePool": 2, "GlobalMaxPool": 2, "LpPool": 8, "MaxPool": 19, "MaxUnpool": 2,
    "Pad": 6, "QLinearConv": 1, "Resize": 39, "SpaceToDepth": 4, "Upsample": 1,
}
RECORDED_COUNTS = {"AveragePool": 5, "Conv": 27, "ConvTranspose": 3, "MaxPool": 9, "Pad": 5}
# fmt: on

ANTIALIAS = "F.upsample has no antialiasing filter"
COORDINATES = "F.upsample has half-pixel centers and aligned corners only"
CUBIC = "F.upsample's cubic has a = -0.75 and repeats the edge"
FRACTION = "ONNX aligns corners of n * scale, a fraction; PyTorch and F those of the output"
NEAREST = "F.upsample's nearest is element floor(i / scale), another one than here"
ROUNDED = "ONNX rounds this size up; F.upsample's output has floor(n * scale)"
SKIPPED = {
    "test_resize_downsample_scales_cubic_A_n0p5_exclude_outside": CUBIC,
    "test_resize_downsample_scales_cubic_align_corners": FRACTION,
    "test_resize_downsample_scales_cubic_antialias": ANTIALIAS,
    "test_resize_downsample_scales_linear_align_corners": FRACTION,
    "test_resize_downsample_scales_linear_antialias": ANTIALIAS,
    "test_resize_downsample_scales_linear_half_pixel_symmetric": COORDINATES,
    "test_resize_downsample_scales_nearest": NEAREST,
    "test_resize_downsample_sizes_cubic_antialias": ANTIALIAS,
    "test_resize_downsample_sizes_linear_antialias": ANTIALIAS,
    "test_resize_downsample_sizes_linear_pytorch_half_pixel": COORDINATES,
    "test_resize_downsample_sizes_nearest": NEAREST,
    "test_resize_downsample_sizes_nearest_not_smaller": ROUNDED,
    "test_resize_tf_crop_and_resize": COORDINATES,
    "test_resize_tf_crop_and_resize_axes_2_3": COORDINATES,
    "test_resize_tf_crop_and_resize_axes_3_2": COORDINATES,
    "test_resize_tf_crop_and_resize_extrapolation_value": COORDINATES,
    "test_resize_upsample_scales_cubic_A_n0p5_exclude_outside": CUBIC,
    "test_resize_upsample_scales_cubic_asymmetric": COORDINATES,
    "test_resize_upsample_scales_linear_half_pixel_symmetric": COORDINATES,
    "test_resize_upsample_sizes_nearest_ceil_half_pixel": NEAREST,
    "test_resize_upsample_sizes_nearest_floor_align_corners": NEAREST,
    "test_resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric": NEAREST,
}

# These only move numbers, or add small whole ones: not a bit may differ.
EXACT = {
    "CenterCropPad",
    "Col2Im",
    "ConvInteger",
    "DepthToSpace",
    "GlobalMaxPool",
    "MaxPool",
    "MaxUnpool",
    "Pad",
    "QLinearConv",
    "SpaceToDepth",
    "Upsample",
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One node, its inputs by name, what it must give, and how exactly."""

    name: str
    node: onnx.NodeProto
    inputs: dict[str, np.ndarray]
    outputs: list[np.ndarray]
    rtol: float
    atol: float

    def __str__(self):
        return self.name


def generated_cases():
    """The cases that onnx generates for one node of our operators.

    A file of cases generates them when it is imported. Its cases of several nodes (an operator
    spelled out in simpler ones) repeat the numbers of a case of one.
    """
    files = {"CausalConvWithState": "causal_conv_with_state", "CenterCropPad": "center_crop_pad"}
    for operator in COUNTS:
        name = f"{onnx_nodes.__name__}.{files.get(operator, operator.lower())}"
        if importlib.util.find_spec(name):  # an older onnx has fewer
            importlib.import_module(name)
    for case in onnx_nodes._NodeTestCases:
        node = case.model.graph.node[0]
        if len(case.model.graph.node) == 1 and node.op_type in COUNTS:
            ((inputs, outputs),) = case.data_sets
            named = dict(zip([name for name in node.input if name], inputs, strict=True))
            yield Case(case.name, node, named, outputs, case.rtol, case.atol)


def recorded_cases():
    """The models of one node that onnx keeps from PyTorch, with what PyTorch computed."""
    for kind in ("pytorch-converted", "pytorch-operator"):
        for case in sorted(loader.load_model_tests(kind=kind), key=lambda case: case.name):
            graph = onnx.load(f"{case.model_dir}/model.onnx").graph
            if len(graph.node) == 1 and graph.node[0].op_type in COUNTS:
                x, y = (
                    onnx.load_tensor(f"{case.model_dir}/test_data_set_0/{which}_0.pb")
                    for which in ("input", "output")
                )
                named = {array.name: array for array in graph.initializer}
                (name,) = {given.name for given in graph.input} - {*named}
                named = {
                    name: onnx.numpy_helper.to_array(array)
                    for name, array in {**named, name: x}.items()
                }
                outputs = [onnx.numpy_helper.to_array(y)]
                yield Case(case.name, graph.node[0], named, outputs, case.rtol, case.atol)


GENERATED = tuple(generated_cases())
RECORDED = tuple(recorded_cases())


@pytest.mark.parametrize("case", GENERATED + RECORDED, ids=str)
def test_equals_the_standard(case):
    try:
        outputs = adapter.run(case.node, case.inputs)
    except adapter.OutOfScope as reason:
        if onnx.__version__ == COUNTED_IN and case.name not in SKIPPED:
            raise
        pytest.skip(SKIPPED.get(case.name, f"new in onnx {onnx.__version__}: {reason}"))
    assert case.name not in SKIPPED
    assert len(outputs) == len(case.outputs)
    for y, expected in zip(outputs, case.outputs):
        assert y.dtype == expected.dtype
        assert y.shape == expected.shape
        if case.node.op_type in EXACT:
            np.testing.assert_array_equal(y, expected)
        else:
            np.testing.assert_allclose(y, expected, rtol=case.rtol, atol=case.atol)


@pytest.mark.parametrize(
    ("cases", "counts"), [(GENERATED, COUNTS), (RECORDED, RECORDED_COUNTS)], ids=["onnx", "torch"]
)
def test_no_case_is_missing(cases, counts):
    found = Counter(case.node.op_type for case in cases)
    if onnx.__version__ == COUNTED_IN:
        assert found == counts
    elif tuple(map(int, onnx.__version__.split(".")[:2])) >= (1, 23):
        assert found >= Counter(counts)
    assert len({case.name for case in cases}) == len(cases)


def test_only_resizing_is_skipped():
    skipped = {case.node.op_type for case in GENERATED + RECORDED if case.name in SKIPPED}
    assert skipped == {"Resize"}
    assert len(SKIPPED) == 22 < COUNTS["Resize"]
