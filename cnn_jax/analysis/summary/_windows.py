"""The window of a layer, as the author of the layer would give it.

The step of a convolution or a pool gives it, except for padding that no window meets. A layer whose
weights are not shared is a matrix product for each position; its window follows from receptive
fields. Those of the feature map that the layer reads have size n, effective stride S and begin at
start; those of the layer have size n', stride S' and begin at start'. So (Araujo, Norris and Sim
2019, equations 2 and 3)

    extent = (n' - n) / S + 1,    stride = S' / S,    padding = (start - start') / S.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import astuple, replace

from cnn_jax.geometry import Window

from ..fields import Walk, followed, spatial_axes
from ..program import Operand, Step
from ..rules import window_of
from ._costs import is_transposed

NONE = Window((), (), (), (), ())


def stated_window(
    step: Step, operation: str, source: Operand | None, walked: Walk
) -> tuple[Window, int]:
    """The window of a layer on the axes along which it slides, and its number of channel groups.

    Args:
        step: the main step of the layer.
        operation: what the layer does, in words.
        source: the feature map that it reads; None if there is not exactly one.
        walked: the receptive fields of all values.

    Returns:
        The window and the groups. The window has no axes if the layer does not slide, or if
        receptive fields do not determine it. The stride of a transposed convolution is that of the
        convolution it transposes.
    """
    if operation == "local conv":
        return (source is not None and _of_local(step, source, walked)) or (NONE, 1)
    if "window_strides" not in step.params:
        return NONE, 1
    window, shape = window_of(step), step.inputs[0].shape
    if step.primitive != "conv_general_dilated":
        window, still = _evened(window, shape), (1, 1, (0, 0))
        slides = [axis != still for axis in zip(window.size, window.stride, window.padding)]
        return Window(*(tuple(itertools.compress(its, slides)) for its in astuple(window))), 1
    window = _evened(window, [shape[a] for a in step.params["dimension_numbers"].lhs_spec[2:]])
    if is_transposed(step):
        paddings = zip(window.extent, window.padding)
        padding = tuple((k - 1 - low, k - 1 - high) for k, (low, high) in paddings)
        window = replace(window, stride=window.base_dilation, padding=padding)
    return window, step.params["feature_group_count"]


def is_local(step: Step, walked: Walk) -> bool:
    """Whether a product of data and parameters has other parameters at each spatial position."""
    batch = len(step.params["dimension_numbers"][1][0])
    return any(axis < batch for axis in spatial_axes(walked.of(step.outputs[0]), walked))


def _evened(window: Window, spatial: Sequence[int]) -> Window:
    """The window with equal padding at both ends of an axis, where that makes no difference.

    With a stride, it may be that no window meets the last elements of the padding, which are then
    cut off before XLA sees them: 3 taps with stride 2 on 112 elements padded by (1, 1) meet no more
    than with (1, 0). The author of the layer would say that it pads by 1.
    """
    positions, padding = window.output_size(tuple(spatial)), []
    for i, (low, _) in enumerate(window.padding):
        n, stride = (spatial[i] - 1) * window.base_dilation[i] + 1, window.stride[i]
        met = (positions[i] - 1) * stride + window.extent[i] - n - low
        padding.append((low, low if met <= low < met + stride else met))
    return replace(window, padding=tuple(padding))


def _of_local(step: Step, source: Operand, walked: Walk) -> tuple[Window, int] | None:
    """The window of a step that `is_local`, and its groups; None if they are not determined."""
    y = step.outputs[0]
    before, after = walked.of(source), walked.of(y)
    numbers = {number for number, _ in before.keys() & after.keys()}
    if len(numbers) != 1:
        return None
    (number,) = numbers
    from_axis, to_axis = followed(before, walked, number), followed(after, walked, number)
    if not from_axis or from_axis.keys() != to_axis.keys():
        return None
    spatial, axes = tuple(source.shape[axis] for axis in from_axis.values()), []
    for axis, n in zip(from_axis, spatial):
        old, new = before[number, axis].nominal, after[number, axis].nominal
        if old is None or new is None:  # never: `followed` has skipped these axes
            return None
        step_before, step_after = old.steps[from_axis[axis]], new.steps[to_axis[axis]]
        extent, stride = (new.size - old.size) / step_before + 1, step_after / step_before
        low = (old.start - new.start) / step_before
        high = (y.shape[to_axis[axis]] - 1) * stride + extent - n - low
        entries = (extent, stride, low, high)
        if any(entry != int(entry) for entry in entries) or extent < 1 or stride < 1:
            return None
        axes.append(tuple(map(int, entries)))
    extents, strides, lows, highs = zip(*axes)
    taps, groups = _taps_and_groups(step, source, spatial, set(to_axis.values()))
    sizes = [size for size in itertools.product(*map(_sizes, extents)) if math.prod(size) == taps]
    if len(sizes) != 1:
        return None
    (size,) = sizes
    dilation = tuple((e - 1) // (k - 1) if k > 1 else 1 for e, k in zip(extents, size))
    ones = (1,) * len(size)
    window = Window(size, strides, tuple(zip(lows, highs)), dilation, ones)
    return _evened(window, spatial), groups


def _sizes(extent: int) -> list[int]:
    """How many taps, evenly spaced, can span `extent` elements."""
    return [1] if extent == 1 else [k for k in range(2, extent + 1) if (extent - 1) % (k - 1) == 0]


def _taps_and_groups(
    step: Step, source: Operand, spatial: Sequence[int], along: set[int]
) -> tuple[float, int]:
    """The taps of a window, and the groups, from how many elements each position multiplies."""
    (contracted, _), (batch, _) = step.params["dimension_numbers"]
    x, y = step.inputs[0].shape, step.outputs[0].shape
    images = math.prod(n for axis, n in enumerate(x) if axis not in (*contracted, *batch))
    groups = math.prod(n for axis, n in enumerate(y[: len(batch)]) if axis not in along)
    at_one_place = math.prod(x[axis] for axis in contracted) * groups * images
    return at_one_place * math.prod(spatial) / math.prod(source.shape), groups
