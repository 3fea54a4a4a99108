"""Through the program, step by step: what the units of every array see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..fields import (
    Context,
    Field,
    Key,
    Nominal,
    Rule,
    Sight,
    capped,
    chained,
    dropped,
    of_input,
    spread,
    union,
)
from ..program import Constant, Known, Operand, Program, Step, Value
from ._reading import sliced
from ._rules import RULES, seeing_all, unknown

# A longer loop is not unrolled: what it carries is taken to see all that goes into the loop.
MOST_UNROLLED = 64


@dataclass(eq=False)
class Walk:
    """What a program's arrays see.

    Attributes:
        sights: for each value, by (number of the input, its axis): what its units see there. A
            value that depends on no data has none. Of loops the values of the last turn.
        spatial: the (input, axis) along which a window slides somewhere.
        doubts: where the result stops being exact, in words.
        words: what is to be said about single steps, such as paths that do not align.
    """

    sights: dict[Value, Sight] = field(default_factory=dict)
    spatial: set[Key] = field(default_factory=set)
    doubts: dict[str, None] = field(default_factory=dict)
    words: dict[Step, list[str]] = field(default_factory=dict)

    def of(self, operand: Operand) -> Sight:
        """What the units of an operand see; nothing, if it is a constant."""
        return {} if isinstance(operand, Constant) else self.sights.get(operand, {})


def walk(program: Program) -> Walk:
    """Tell for every array of a program what its units see of the inputs, without running it.

    Args:
        program: of `trace`.

    Returns:
        Fields for each value, and remarks.
    """
    result = Walk()
    for number, value in enumerate(program.inputs):
        result.sights[value] = of_input(number, value.shape)
    _Walker(result, Known(program)).through(program)
    return result


class _Walker:
    """One pass over the steps of a program, or of a loop's body."""

    def __init__(self, result: Walk, known: Known):
        self.result = result
        self.context = Context(known, result.spatial, result.doubts)

    def through(self, program: Program) -> None:
        for step in program.steps:
            sights = [
                {} if 0 in operand.shape else self.result.of(operand) for operand in step.inputs
            ]
            if not any(sights):
                continue
            self.context.words = []
            rule = self.loops.get(step.primitive) or RULES.get(step.primitive, unknown)
            seen = rule(step, sights, self.context)
            for value, sight in zip(step.outputs, seen):
                self.result.sights[value] = {} if 0 in value.shape else sight
            if self.context.words:
                self.result.words[step] = self.context.words

    @property
    def loops(self) -> Mapping[str, Rule]:
        return {"cond": self.choice, "scan": self.scan, "while": self.while_loop}

    def inside(
        self, body: Program, operands: Sequence[Operand | None], sights: Sequence[Sight]
    ) -> list[Sight]:
        """Walk through a body that is given these sights; the first inputs are these operands."""
        given: dict[Value, Any] = {}
        operands = [*operands, *[None] * (len(sights) - len(operands))]
        for value, operand, sight in zip(body.inputs, operands, sights, strict=True):
            self.result.sights[value] = sight
            if operand is not None and (array := self.context.known(operand)) is not None:
                given[value] = array
        _Walker(self.result, Known(body, given)).through(body)
        return [self.result.of(output) for output in body.outputs.values()]

    def choice(self, step: Step, sights: list[Sight], context: Context) -> list[Sight]:
        """The union of the branches; and all elements depend on what chooses among them."""
        which, *operands = sights
        results = [self.inside(b, step.inputs[1:], operands) for b in step.inner]
        if which:
            context.doubt(step, "chooses a branch by the data: all are counted")
        together = []
        for output, branches in zip(step.outputs, zip(*results)):
            rank = len(output.shape)
            chosen = {key: spread(f, rank, (), ()) for key, f in which.items()}
            together.append(union([*branches, chosen], output.shape, context))
        return together

    def while_loop(self, step: Step, sights: list[Sight], context: Context) -> list[Sight]:
        """What is carried may see all that went in: how often the body runs is not known."""
        context.doubt(step, "runs as often as its data say, once in this summary")
        cut = step.params["cond_nconsts"]
        end = cut + step.params["body_nconsts"]
        self.inside(step.inner[0], step.inputs[:cut], [*sights[:cut], *sights[end:]])
        self.inside(step.inner[1], step.inputs[cut:end], sights[cut:])
        return seeing_all(step, sights, exact=False)

    def scan(self, step: Step, sights: list[Sight], context: Context) -> list[Sight]:
        """Turn by turn, if the turns are few."""
        body, length = step.inner[0], step.params["length"]
        consts = step.params["num_consts"]
        first_x = consts + step.params["num_carry"]
        carry, stacked = sights[consts:first_x], sights[first_x:]
        order = range(length)[::-1] if step.params["reverse"] else range(length)
        turns: dict[int, list[Sight]] = {}
        unrolled = length <= MOST_UNROLLED
        for i in order if unrolled else range(1):
            xs = [{key: _at(f, i) for key, f in sight.items()} for sight in stacked]
            outputs = self.inside(body, step.inputs[:consts], [*sights[:consts], *carry, *xs])
            carry, turns[i] = outputs[: len(carry)], outputs[len(carry) :]
        if not unrolled:
            context.doubt(step, f"runs {length} times, too often to be followed")
            return seeing_all(step, sights, exact=False)
        made = step.outputs[len(carry) :]
        parts = [[turns[i][j] for i in range(length)] for j in range(len(made))]
        return [*carry, *(_stacked(part, value) for part, value in zip(parts, made))]


def _at(seen: Field, i: int) -> Field:
    """What entry i of an array's first axis sees."""
    return dropped(sliced(seen, 0, i, 1, 1), [0])


def _stacked(parts: list[Sight], value: Value) -> Sight:
    """What an array sees that is made of these along a new first axis."""
    rank, result = len(value.shape), {}
    shape = value.shape[1:]
    for key in dict.fromkeys(key for part in parts for key in part):
        fields = [
            spread(part[key], rank, range(1, rank), shape) if key in part else None
            for part in parts
        ]
        result[key] = capped(
            replace(chained(fields, [1] * len(parts), 0, rank), nominal=_in_step(fields))
        )
    return result


def _in_step(fields: list[Field | None]) -> Nominal | None:
    """The nominal field of turns that see alike, each as far behind the one before it."""
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
