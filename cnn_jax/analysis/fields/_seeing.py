"""The analysis of receptive fields: `Seeing`; and its result: `Walk`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..program import UNKNOWN, Constant, Interpreter, Meaning, Operand, Program, Rule, Step, Value
from ._field import (
    Field,
    Key,
    Sight,
    capped,
    chained,
    dropped,
    of_input,
    sliced,
    spread,
    united,
    wholly,
)
from ._nominal import Nominal


@dataclass(frozen=True, eq=False)
class Walk:
    """The receptive fields of a program's arrays.

    Attributes:
        sights: for each value its fields, by (number of the input, its axis). A value that depends
            on no data has none. Values inside a loop are those of the last iteration.
        spatial: the (input, axis) along which a window slides somewhere.
        doubts: where the result stops being exact, in words.
        words: remarks on single steps, such as on paths that do not align.
    """

    sights: dict[Value, Sight]
    spatial: set[Key]
    doubts: list[str]
    words: dict[Step, list[str]]

    def of(self, operand: Operand) -> Sight:
        """The fields of an operand; none if it is a constant."""
        return {} if isinstance(operand, Constant) else self.sights.get(operand, {})


def walked(program: Program, rules: Mapping[str, Rule]) -> Walk:
    """Find the receptive fields of every array of a program by these rules; nothing runs."""
    seeing = Seeing(rules)
    inputs = [of_input(number, value.shape) for number, value in enumerate(program.inputs)]
    told = Interpreter(program, inputs, seeing).told
    return Walk(told, seeing.spatial, list(seeing.doubts), seeing.words)


class Seeing(Meaning[Sight]):
    """The analysis; rules tell it their remarks, and along which axes windows slide."""

    # The outputs of a longer loop are taken to see all that goes into the loop.
    most_turns = 64
    said: ClassVar[Mapping[str, str]] = {
        "cond": "chooses a branch by the data: all are counted",
        "while": "runs as often as its data say, once in this summary",
        "scan": f"runs more than {most_turns} times, too often to be followed",
    }

    def __init__(self, rules: Mapping[str, Rule]):
        self._rules = rules
        self.spatial: set[Key] = set()
        self.doubts: dict[str, None] = {}
        self.words: dict[Step, list[str]] = {}

    def say(self, words: str) -> None:
        """Remark something on the current step, unless `words` is empty."""
        if words and words not in self.words.get(self.step, ()):
            self.words.setdefault(self.step, []).append(words)

    def remark(self, words: str) -> None:
        """Note that the result is not exact from the current step on."""
        self.doubts[f"{self.step.name} {words}: not exact from there on"] = None
        self.say("not exact")

    def slides(self, key: Key, seen: Field, axis: int) -> None:
        """Note that a window slides along `axis` of an array with the field `seen`."""
        if seen.nominal is not None and axis in seen.nominal.moving:
            self.spatial.add(key)

    def union(self, sights: Sequence[Sight], shape: Sequence[int]) -> Sight:
        """The union of the sights of several arrays of one shape, as of the terms of a sum.

        Arrays whose fields differ only in where they start are the taps of a window, as where a
        convolution is written as a sum over shifts.
        """
        result: Sight = {}
        for key in dict.fromkeys(key for sight in sights for key in sight):
            fields = [sight[key] for sight in sights if key in sight]
            result[key], words = united(fields, shape)
            axis = _shifted_along(fields, shape)
            if axis is not None:
                self.slides(key, result[key], axis)
            self.say(words if key in self.spatial else "")
        return result

    def of_no_data(self) -> Sight:
        return {}

    def depends(self, told: Sight) -> bool:
        return bool(told)

    def after(self, step: Step, read: list[Sight]) -> list[Sight]:
        self.words.pop(step, None)  # those of an earlier iteration
        rule = self._rules.get(step.primitive, UNKNOWN)
        if rule.fields is None:
            self.remark("is taken to see all of its operands")
            return self.bound(step, read)
        seen = rule.fields(step, read, self)
        return [{} if 0 in v.shape else sight for v, sight in zip(step.outputs, seen)]

    def without_data(self, step: Step, read: list[Sight]) -> list[Sight]:
        return [{} for _ in step.outputs]

    def bound(self, step: Step, read: list[Sight]) -> list[Sight]:
        results: list[Sight] = []
        for output in step.outputs:
            fields: dict[Key, list[Field]] = {}
            for operand, sight in zip(step.inputs, read):
                for key, field in sight.items():
                    its = wholly(field, operand.shape, len(output.shape), exact=False)
                    fields.setdefault(key, []).append(its)
            results.append({key: united(its, output.shape)[0] for key, its in fields.items()})
        return results

    def entry(self, told: Sight, i: int) -> Sight:
        return {key: dropped(sliced(field, 0, i, 1, 1), [0]) for key, field in told.items()}

    def stacked(self, parts: Sequence[Sight], value: Value) -> Sight:
        rank, shape, result = len(value.shape), value.shape[1:], {}
        for key in dict.fromkeys(key for part in parts for key in part):
            fields = [
                spread(part[key], rank, range(1, rank), shape) if key in part else None
                for part in parts
            ]
            field = chained(fields, [1] * len(parts), 0, rank)
            result[key] = capped(replace(field, nominal=_in_step(fields)))
        return result

    def either(self, parts: Sequence[Sight], value: Value) -> Sight:
        return self.union(parts, value.shape)

    def everywhere(self, scalar: Sight, value: Value) -> Sight:
        return {key: spread(field, len(value.shape), (), ()) for key, field in scalar.items()}

    def same(self, one: Sight, other: Sight) -> bool:
        return one == other


def _shifted_along(fields: Sequence[Field], shape: Sequence[int]) -> int | None:
    """The axis along which fields move that differ only in where they start; else None.

    Starts as far apart as the array is long do not count: the two halves of an axis, as in a gated
    unit, are no window.
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


def _in_step(fields: list[Field | None]) -> Nominal | None:
    """The nominal field of stacked iterations whose fields are evenly shifted; None of others."""
    its = [None if field is None else field.nominal for field in fields]
    if any(nominal is None for nominal in its):
        return None
    first, *rest = [nominal for nominal in its if nominal is not None]
    step = rest[0].start - first.start if rest else 0
    alike = all(
        nominal == replace(first, start=first.start + i * step)
        for i, nominal in enumerate(rest, start=1)
    )
    return first.with_step(0, step) if alike and not (step and first.steps[0]) else None
