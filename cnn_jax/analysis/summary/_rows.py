"""Find the rows of a summary: which steps are layers, and which parameters they use."""

from dataclasses import dataclass, field

from ..fields import Walk, followed
from ..program import Body, Constant, Known, Operand, Parameter, Program, Step, Value
from ._costs import multiply_adds
from ._kinds import Links, kind_of
from ._names import Groups

ROOTS = ("rsqrt", "sqrt")
# Stands among the rows that a value is computed from, if a root does too.
ROOT = "a root"


@dataclass(eq=False)
class Draft:
    """A row that is not yet complete.

    Attributes:
        operation: what it does, in words; "" until all its steps are known.
        group: the path of the module of its parameters.
        step: its main step, such as a convolution.
        inputs: what that step reads.
        output: what the row makes.
        source: the feature map that it reads; None if there is not exactly one.
        parameters: those that no earlier row uses.
        main: the path of the parameter that the main step uses.
        used: the paths of all its parameters.
        shared: whether it uses parameters that an earlier row used.
        times: how often it runs.
        normalizes: whether a square root is among the steps that lead to it.
        steps: the main step, and others that use its parameters.
        further: other main steps, as for a second axis.
    """

    operation: str
    group: str
    step: Step
    inputs: tuple[Operand, ...]
    output: Value
    source: Value | None = None
    main: str = ""
    parameters: list[Parameter] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    shared: bool = False
    times: int = 1
    normalizes: bool = False
    steps: list[Step] = field(default_factory=list)
    further: list[Step] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Origin:
    """The parameters that an array without data is computed from, and whether by a square root."""

    parameters: frozenset[Parameter] = frozenset()
    roots: bool = False


@dataclass(eq=False)
class Layers:
    """The rows of a program.

    Attributes:
        rows: in the order in which they run.
        data: the values that depend on data.
    """

    program: Program
    walked: Walk
    rows: list[Draft] = field(default_factory=list)
    data: set[Value] = field(default_factory=set)

    def __post_init__(self) -> None:
        parameters = self.program.parameters
        self.groups = Groups(list(parameters.values()))
        self._origins = {
            value: Origin(frozenset([parameter])) for value, parameter in parameters.items()
        }
        self._latest_of_group: dict[str, Draft] = {}
        self._counted: set[str] = set()
        # The rows and inputs that a value is computed from, with no other row in between.
        self._from: dict[Value, frozenset] = {}
        self._links, self._known = Links(), Known(self.program)
        self._links.add(self.program)
        for value in self.program.inputs:
            self.data.add(value)
            self._from[value] = frozenset([value])
        self._through(self.program, 1)

    @property
    def unused(self) -> list[Parameter]:
        """Trainable parameters that no row uses."""
        parameters = self.program.parameters.values()
        return [p for p in parameters if p.trainable and p.path not in self._counted]

    def _through(self, program: Program, times: int) -> None:
        for step in program.steps:
            if step.inner:
                self._into(step, times)
            elif any(operand in self.data for operand in step.inputs):
                self._of_data(step, times)
            else:
                self._pass_on(step)

    def _pass_on(self, step: Step) -> None:
        """Note the origin of what a step makes of parameters alone."""
        its = [self._origin(operand) for operand in step.inputs]
        parameters = frozenset().union(*(origin.parameters for origin in its))
        roots = step.primitive in ROOTS or any(origin.roots for origin in its)
        self._origins |= dict.fromkeys(step.outputs, Origin(parameters, roots))

    def _origin(self, operand: Operand) -> Origin:
        if isinstance(operand, Constant):
            return Origin()
        return self._origins.get(operand, Origin())

    def _of_data(self, step: Step, times: int) -> None:
        self.data.update(step.outputs)
        before = [self._from.get(o, frozenset()) for o in step.inputs if o in self.data]
        stems = frozenset().union(*before)
        used = [self._origin(operand) for operand in step.inputs]
        parameters = sorted(
            frozenset().union(*(origin.parameters for origin in used)), key=lambda p: p.path
        )
        operation = kind_of(step, self.data, self.walked, self._links, before, self._known)
        row = None
        if operation:
            row = self._new(operation, step, parameters, times)
            row.source = _map_of(stems)
        elif parameters:
            row = self._joined(step, parameters, times)
        if row is not None:
            row.steps.append(step)
            roots = step.primitive in ROOTS or any(origin.roots for origin in used)
            row.normalizes |= roots or ROOT in stems
            self._give(row, parameters)
            stems = frozenset([row])
        elif step.primitive in ROOTS:
            stems = stems | {ROOT}
        elif step.primitive == "add" and self.rows and stems == {self.rows[-1]}:
            last = self.rows[-1]
            if last.operation == "upsample" and last.output.shape == step.outputs[0].shape:
                last.output = step.outputs[0]
        elif self.rows and self.rows[-1].output is step.inputs[0]:
            self._lay_out(self.rows[-1], step)
        self._from |= dict.fromkeys(step.outputs, stems)

    def _lay_out(self, row: Draft, step: Step) -> None:
        """Move a row's output past a change of layout, if the row is a product with weights.

        A product with the weights first, or with a batch of weights, has its axes in another order
        than the layer; a transpose or a reshape after it restores that.
        """
        contracts = row.step.primitive == "dot_general" and row.operation != "matmul"
        if step.primitive not in ("transpose", "reshape", "squeeze") or not contracts:
            return
        before, after = self.walked.of(row.output), self.walked.of(step.outputs[0])
        places = [
            [followed(sight, self.walked, number).keys() for number in {n for n, _ in before}]
            for sight in (before, after)
        ]
        batched = bool(row.step.params["dimension_numbers"][1][0])
        ordered = row.step.inputs[0] in self.data and not batched
        long = [[n for n in value.shape if n > 1] for value in (row.output, step.outputs[0])]
        free = step.primitive == "transpose" and not ordered
        if places[0] == places[1] and (free or long[0] == long[1] or row.operation == "local conv"):
            row.output = step.outputs[0]

    def _new(self, operation: str, step: Step, parameters: list[Parameter], times: int) -> Draft:
        if operation == "upsample" and self.rows and self.rows[-1].operation == operation:
            last = self.rows[-1]
            before = [self._from[o] for o in step.inputs if isinstance(o, Value) and o in self.data]
            of_last = [self._from[o] for o in last.inputs if isinstance(o, Value)]
            # An upsampling of one axis after the other, or by several reads that are averaged.
            if before in ([frozenset([last])], of_last):
                last.output = step.outputs[0]
                last.further.append(step)
                return last
        group = self.groups.of(parameters[0]) if parameters else ""
        inputs = tuple(operand for operand in step.inputs if operand in self.data)
        row = Draft(operation, group, step, inputs, step.outputs[0], times=times)
        row.main = parameters[0].path if parameters else ""
        row.shared = bool(parameters) and all(p.path in self._counted for p in parameters)
        self.rows.append(row)
        if parameters:
            self._latest_of_group[group] = row
        return row

    def _joined(self, step: Step, parameters: list[Parameter], times: int) -> Draft:
        """The row of the module whose parameters a step uses that is no layer by itself."""
        group = self.groups.of(parameters[0])
        row = self._latest_of_group.get(group)
        again = row is not None and any(parameter.path in row.used for parameter in parameters)
        if row is None or again:
            row = self._new("", step, parameters, times)
            row.shared = again
        if not row.operation:
            row.output = step.outputs[0]
        return row

    def _give(self, row: Draft, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            row.used.add(parameter.path)
            if parameter.path not in self._counted:
                self._counted.add(parameter.path)
                row.parameters.append(parameter)

    def _into(self, step: Step, times: int) -> None:
        """Find the rows of a loop's body, or of the branch that costs most."""
        if not any(operand in self.data for operand in step.inputs):
            self._pass_on(step)
            return
        bodies = step.inner if step.primitive == "cond" else step.inner[-1:]
        body = max(bodies, key=_cost_and_size)
        carried = range(body.fixed, body.fixed + body.carried)
        for i, (value, operand) in enumerate(zip(body.program.inputs, body.operands)):
            if operand in self.data or i in carried:
                self.data.add(value)
                self._from[value] = self._from.get(operand, frozenset([step]))  # type: ignore[arg-type]
            self._origins[value] = self._origin(operand)
        self._links.add(body.program)
        self._through(body.program, times * step.turns)
        self.data.update(step.outputs)
        self._from |= dict.fromkeys(step.outputs, frozenset(self.rows[-1:]) or frozenset([step]))


def _map_of(stems: frozenset) -> Value | None:
    """The output of the row, or the input, that a value comes from; None if there are several."""
    if len(stems) != 1:
        return None
    (stem,) = stems
    if isinstance(stem, Draft):
        return stem.output
    return stem if isinstance(stem, Value) else None


def operation_of(row: Draft) -> str:
    """What a row does, in words, once all its steps are known."""
    if row.operation:
        return row.operation
    if row.normalizes or any(not parameter.trainable for parameter in row.parameters):
        return "normalization"
    if all(step.primitive in ("add", "sub") for step in row.steps):
        return "bias"
    if row.steps[0].primitive == "gather":
        return "embedding"
    scales = any(step.primitive in ("mul", "div") for step in row.steps)
    return "scale and shift" if scales else row.steps[0].primitive.replace("_", " ")


def _cost_and_size(body: Body) -> tuple[int, int]:
    return cost(body.program), len(body.program.steps)


def cost(program: Program) -> int:
    """The multiply-adds of a program, with all iterations of its loops."""
    return sum(
        multiply_adds(step)
        + step.turns * max((cost(body.program) for body in step.inner), default=0)
        for step in program.steps
    )
