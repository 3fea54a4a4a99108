"""What rules share: known arrays, remarks, the axes on which windows slid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..program import Step
from ._field import Field, Key, Sight, united


@dataclass(eq=False)
class Context:
    """What holds beyond one step.

    Attributes:
        known: gives the array of an operand, or None if it depends on data or parameters.
        spatial: the axes of inputs along which a window slid.
        doubts: where the result stops being exact, in words, without repetitions.
        words: what is to be said about the step at hand.
    """

    known: Callable[[Any], np.ndarray | None]
    spatial: set[Key] = field(default_factory=set)
    doubts: dict[str, None] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def say(self, words: str) -> None:
        """Note something about the step at hand."""
        if words and words not in self.words:
            self.words.append(words)

    def doubt(self, step: Step, words: str = "is taken to see all of its operands") -> None:
        """Note that the result stops being exact at a step."""
        place = f" at {step.source}" if step.source else ""
        self.doubts[f"`{step.primitive}`{place} {words}: not exact from there on"] = None
        self.say("not exact")

    def slides(self, key: Key, seen: Field, axis: int) -> None:
        """Note that a window slides along `axis` of an array of which this is seen."""
        if seen.nominal is not None and axis in seen.nominal.moving:
            self.spatial.add(key)


def union(sights: Sequence[Sight], shape: Sequence[int], context: Context) -> Sight:
    """What is seen along several paths, by arrays of one shape.

    Paths that see alike from different places on are the taps of a window, as where a convolution
    is written as a sum over shifts.
    """
    result: Sight = {}
    for key in dict.fromkeys(key for sight in sights for key in sight):
        fields = [sight[key] for sight in sights if key in sight]
        result[key], words = united(fields, shape)
        axis = _shifted_along(fields, shape)
        if axis is not None:
            context.slides(key, result[key], axis)
        context.say(words if key in context.spatial else "")
    return result


def _shifted_along(fields: Sequence[Field], shape: Sequence[int]) -> int | None:
    """The axis along which fields move that are alike but for where they start.

    They start among each other's: the halves of an axis, as of a gated unit, are no window.
    """
    its = {field.nominal for field in fields}
    if len(its) == 1 or None in its:
        return None
    first, *rest = [nominal for nominal in its if nominal is not None]
    if first.axis is None or {replace(other, start=first.start) for other in rest} != {first}:
        return None
    reach = shape[first.axis] * abs(first.steps[first.axis])
    near = all(abs(other.start - first.start) < reach for other in rest)
    return first.axis if near and shape[first.axis] > 1 else None


Rule = Callable[[Step, list[Sight], Context], list[Sight]]
