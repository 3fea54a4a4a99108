"""The operation of a step in words, if the step is a layer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..fields import Walk
from ..program import Operand, Program, Step, Value
from ..rules import window_of
from ._costs import is_transposed
from ._windows import is_local

POOLS = {
    "reduce_window_max": "max pool",
    "reduce_window_min": "min pool",
    "reduce_window_sum": "sum pool",
    "reduce_window": "pool",
}
GLOBAL_POOLS = {
    "reduce_max": "global max pool",
    "reduce_min": "global min pool",
    "reduce_sum": "global sum pool",
}
LAYOUTS = ("reshape", "squeeze", "broadcast_in_dim", "convert_element_type")
# A reshape after one of these may repeat elements, or lay channels into space.
SPREADERS = ("broadcast_in_dim", "transpose")
RESIZERS = ("gather", "reshape", "dot_general")


@dataclass(eq=False)
class Links:
    """Which step makes each value, and which read it."""

    makers: dict[Value, Step] = field(default_factory=dict)
    readers: dict[Value, list[Step]] = field(default_factory=dict)

    def add(self, program: Program) -> None:
        """Add the links of a program, but not those inside its loops and branches."""
        for step in program.steps:
            self.makers |= dict.fromkeys(step.outputs, step)
            for operand in step.inputs:
                if isinstance(operand, Value):
                    self.readers.setdefault(operand, []).append(step)


def kind_of(
    step: Step,
    data: set[Value],
    walked: Walk,
    links: Links,
    stems: Sequence[frozenset],
    known: Callable[[Any], np.ndarray | None],
) -> str:
    """The operation of a step that depends on data; "" if it is no layer by itself.

    Args:
        step: the step.
        data: all values that depend on data.
        walked: what values see.
        links: which steps make and read values.
        stems: for each operand that depends on data, the rows that it comes from.
        known: gives the array of an operand, or None if it depends on data or parameters.
    """
    name = step.primitive
    if name in RESIZERS and _finer(step, walked, links):
        return "upsample"
    if name == "conv_general_dilated":
        return "" if _copies(step, known(step.inputs[1])) else _convolution(step)
    if name == "dot_general":
        if all(operand in data for operand in step.inputs):
            return "matmul"
        _, (batch, _) = step.params["dimension_numbers"]
        if not batch:
            return "dense"
        return "local conv" if is_local(step, walked) else "unshared dense"
    if name in POOLS:
        return _pool(step, links)
    if name in GLOBAL_POOLS and _all_spatial(step, walked):
        kind = GLOBAL_POOLS[name]
        divided = kind == "global sum pool" and _divided(step, links)
        return "global avg pool" if divided else kind
    if name == "concatenate":
        # Parts of one array, such as the taps of a window, are no branches that meet.
        return _concatenation(step, data, walked) if len(set(stems)) > 1 else ""
    if name in ("add", "add_any") and len(stems) == 2 and all(stems) and stems[0] != stems[1]:
        same = step.inputs[0].shape == step.inputs[1].shape
        # Operands that have a row in common are no branches, as in an activation function.
        return "add" if same and not stems[0] & stems[1] else ""
    return ""


def _convolution(step: Step) -> str:
    groups = step.params["feature_group_count"]
    channels = step.inputs[0].shape[step.params["dimension_numbers"].lhs_spec[1]]
    if is_transposed(step):
        return "transposed conv"
    if groups == 1:
        return "conv"
    return "depthwise conv" if groups == channels else "grouped conv"


def _copies(step: Step, kernel: np.ndarray | None) -> bool:
    """Whether each output channel copies one tap: the step lays out windows, and is no layer."""
    if kernel is None:
        return False
    outputs = step.params["dimension_numbers"].rhs_spec[0]
    filters = np.moveaxis(kernel, outputs, 0).reshape(kernel.shape[outputs], -1)
    return bool((filters.sum(1) == 1).all() and ((filters != 0).sum(1) == 1).all())


def _pool(step: Step, links: Links) -> str:
    window, kind = window_of(step), POOLS[step.primitive]
    if max(window.size) == 1:
        return ""
    if kind == "sum pool" and _divided(step, links):
        kind = "avg pool"
    shape = step.inputs[0].shape
    covered = [k == n for k, n in zip(window.size, shape) if k > 1]
    whole = all(covered) and len(covered) == len([n for n in shape[1:-1] if n > 1])
    return f"global {kind}" if whole and math.prod(step.outputs[0].shape[1:-1]) == 1 else kind


def _divided(step: Step, links: Links) -> bool:
    """Whether the output of a step is next divided or scaled, perhaps after a change of layout."""
    value = step.outputs[0]
    for _ in range(4):
        after = links.readers.get(value, [])
        if not after:
            return False
        first = after[0]
        if first.primitive in ("div", "mul"):
            return any(operand is not value for operand in first.inputs)
        if first.primitive not in LAYOUTS:
            return False
        value = first.outputs[0]
    return False


def _all_spatial(step: Step, walked: Walk) -> bool:
    """Whether a reduction is along all spatial axes and no others."""
    moving = _moving(step.inputs[0], walked)
    return bool(moving) and set(step.params["axes"]) == moving


def _moving(operand: Operand, walked: Walk) -> set[int]:
    """The axes of an array along which its fields move on spatial axes of the inputs."""
    return {
        axis
        for key, its in walked.of(operand).items()
        if key in walked.spatial and its.nominal is not None
        for axis in its.nominal.moving
    }


def _concatenation(step: Step, data: set[Value], walked: Walk) -> str:
    parts = [operand for operand in step.inputs if operand in data]
    moves = any(step.params["dimension"] in _moving(part, walked) for part in parts)
    return "concatenate" if len(set(parts)) > 1 and not moves else ""


def _finer(step: Step, walked: Walk, links: Links) -> bool:
    """Whether a step makes an effective stride smaller; flattening does not count."""
    x = next(operand for operand in step.inputs if walked.of(operand))
    maker = links.makers.get(x)  # type: ignore[arg-type]
    if step.primitive == "reshape" and (maker is None or maker.primitive not in SPREADERS):
        return False
    before, after = walked.of(x), walked.of(step.outputs[0])
    for key in walked.spatial & before.keys() & after.keys():
        old, new = before[key].nominal, after[key].nominal
        if old is None or new is None or old.stride is None or new.stride is None:
            continue
        if len([s for s in old.steps if s]) == 1 and abs(new.stride) < abs(old.stride):
            return True
    return False
