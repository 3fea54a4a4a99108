"""`summarize`: one row for each layer of any network."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from cnn_jax.arguments import one_of

from ..fields import Number, Sight, Walk, phases
from ..program import Program, taken_apart, trace
from ..rules import walk
from ._costs import multiply_adds, multiply_adds_inside, size_in_bytes
from ._memory import memory_of
from ._names import named
from ._records import Output, Row, Seen
from ._result import Summary
from ._rows import Draft, Layers, operation_of
from ._windows import stated_window
from ._xla import xla_cost


def summarize(f: Callable, *inputs: Any, params: Any = None, cost: str | None = None) -> Summary:
    """Find the receptive field, the parameters and the costs of each layer, without running `f`.

    `f` may come from any library, as only its jaxpr is read. It may be abstract, made by
    ``nnx.eval_shape``, and of any size.

    A multiply-add counts as one; taps on padding count, biases and pooling do not. Receptive fields
    include padding; their stride is the distance from one unit's field to the next (Araujo et al.
    2019).

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> kernel = jnp.ones((3, 3, 3, 8))
    >>> table = summarize(lambda x: F.max_pool(F.conv(x, kernel), (2, 2)), (1, 32, 32, 3))
    >>> [(row.operation, row.macs, row.field[0].size) for row in table.rows]
    [('conv', 194400, 3), ('max pool', 0, 4)]

    ```

    Args:
        f: a callable: a `flax.nnx.Module` or a method of one, an Equinox module,
            ``functools.partial(linen_model.apply, variables)``, any function. Modules are taken in
            the mode that they are in: call ``model.eval()`` first.
        *inputs: the data: for each array a shape (of float32), a `jax.ShapeDtypeStruct`, or an
            array. Costs are those of the whole batch.
        params: the first argument of `f`, if that is its parameters: any pytree of arrays or
            `jax.ShapeDtypeStruct`. Of a dictionary with an entry ``"params"`` that entry alone is
            trainable.
        cost: ``"xla"`` to add XLA's own count of operations.

    Returns:
        The summary.

    Raises:
        TypeError: if `f` is not callable, or an input is none of the above.
        ValueError: if there is no input, a shape has a length below 1, or `cost` is unknown.

    References:
        Araujo, Norris and Sim, *Computing receptive fields of convolutional neural networks*,
        Distill, 2019.
    """
    one_of("cost", cost, (None, "xla"))
    program = trace(f, *inputs, params=params)
    apart = taken_apart(f, inputs, params)
    walked = walk(program)
    layers = Layers(program, walked)
    rows = tuple(
        _row(draft, name, walked, program) for draft, name in zip(layers.rows, names_of(layers))
    )
    parameters = list(program.parameters.values())
    inside = sum(row.macs_inside for row in rows)
    return Summary(
        rows,
        tuple(value.shape for value in program.inputs),
        {
            path: Output(o.shape, seen(walked.of(o), walked, program))
            for path, o in program.outputs.items()
        },
        sum(math.prod(p.shape) for p in parameters if p.trainable),
        sum(math.prod(p.shape) for p in parameters if not p.trainable),
        sum(row.macs for row in rows),
        inside,
        memory_of(program, apart),
        tuple(_remarks(layers, walked)),
        xla_cost(apart, inside) if cost == "xla" else None,
    )


def seen(sight: Sight, walked: Walk, program: Program) -> tuple[Seen, ...]:
    """The receptive fields on the spatial axes of the inputs."""
    result = []
    for number, axis in sorted(walked.spatial & sight.keys()):
        its, exact = sight[number, axis], sight[number, axis].exact
        stride = padding = smallest = None
        if its.nominal is None:
            size = max(int((its.high - its.low).max()) + 1, 0)
        else:
            stride, padding = _number(its.nominal.stride), _number(-its.nominal.start)
            size = smallest = math.ceil(its.nominal.size)
            if found := phases(its, program.inputs[number].shape[axis]):
                size, smallest = max(found.sizes), min(found.sizes)
            elif stride is not None and Fraction(its.nominal.start).denominator > 1:
                smallest, exact = None, False
        whole = its.nominal is not None and its.nominal.whole
        result.append(Seen(number, axis, size, smallest, stride, padding, whole, exact))
    return tuple(result)


def _number(number: Number | None) -> int | float | None:
    return float(number) if isinstance(number, Fraction) else number


def _row(draft: Draft, name: str, walked: Walk, program: Program) -> Row:
    step = draft.step
    window, groups = stated_window(step, draft.operation, draft.source, walked)
    learning, fixed = (
        sum(math.prod(p.shape) for p in draft.parameters if p.trainable is trainable)
        for trainable in (True, False)
    )
    products = [step, *draft.further]
    words = ["shared"] if draft.shared else []
    words += [f"{draft.times} times"] if draft.times > 1 else []
    words += [said for step in draft.steps for said in walked.words.get(step, ())]
    return Row(
        name=name,
        operation=operation_of(draft),
        inputs=tuple(operand.shape for operand in draft.inputs),
        output=draft.output.shape,
        window=window.size,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        groups=groups,
        parameters=learning,
        non_trainable=fixed,
        macs=sum(map(multiply_adds, products)) * draft.times,
        macs_inside=sum(map(multiply_adds_inside, products)) * draft.times,
        activation_bytes=size_in_bytes(draft.output),
        field=seen(walked.of(draft.output), walked, program),
        remark="; ".join(dict.fromkeys(words)),
    )


def names_of(layers: Layers) -> list[str]:
    """A name for each row; where one module holds several layers, the paths of their parameters."""
    rows = layers.rows
    kernels: dict[str, set[str]] = {}
    for row in rows:
        if row.operation and row.group:
            kernels.setdefault(row.group, set()).add(row.main)
    modules = [
        layers.groups.without_collection(row.main) if len(kernels.get(row.group, ())) > 1 else ""
        for row in rows
    ]
    modules = [name or row.group for name, row in zip(modules, rows)]
    operations = [operation_of(row) for row in rows]
    return named(operations, modules, [row.step.scope for row in rows])


def _remarks(layers: Layers, walked: Walk) -> list[str]:
    remarks = list(walked.doubts)
    if layers.unused:
        count = sum(math.prod(parameter.shape) for parameter in layers.unused)
        places = [f"`{parameter.path}`" for parameter in layers.unused]
        named = ", ".join(places[:4]) + (", ..." if len(places) > 4 else "")
        remarks.append(f"nothing depends on {count:,} of the parameters: {named}")
    return remarks
