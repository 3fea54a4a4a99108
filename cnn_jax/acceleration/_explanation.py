"""What `accelerate` replaces in a call, and what it leaves as it is: `explain`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax

from cnn_jax import arguments
from cnn_jax.algorithms import noting

from ._equations import OPENED, inner, is_choice_of_platform, plain
from ._plan import Plan
from ._planning import plan_of, sources
from ._traced import traced


@dataclass(frozen=True)
class Place:
    """A convolution or a window reduction in a function.

    Attributes:
        what: what it computes, such as ``"convolution"`` or ``"gradient of a max pool"``.
        operands: the shapes of its operands.
        where: the names of the calls and scopes that it is in.
        algorithm: the name of the algorithm on CPU; empty if `functional.using` names it, or if
            nothing is replaced.
        reason: why it is left as it is; empty if it is replaced.
    """

    what: str
    operands: tuple[tuple[int, ...], ...]
    where: str
    algorithm: str
    reason: str


@dataclass(frozen=True)
class Explanation:
    """What is replaced in a call and what is left, in the order in which it runs; print it.

    Attributes:
        replaced: what this library computes.
        left: what stays as it was.
    """

    replaced: tuple[Place, ...]
    left: tuple[Place, ...]

    def __str__(self) -> str:
        if not self.replaced and not self.left:
            return "nothing to replace: no convolution and no reduction of windows"
        rows = [("what", "operands", "algorithm on CPU", "where")]
        for place in self.replaced:
            rows.append((place.what, _shapes(place), place.algorithm or "as named", place.where))
        for place in self.left:
            rows.append((place.what, _shapes(place), f"left: {place.reason}", place.where))
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)


def explain(f: Callable, *args: Any, **kwargs: Any) -> Explanation:
    """Say what `accelerate` replaces in a call, by which algorithm, and what it leaves, and why.

    Nothing is computed: the call is traced. The derivatives of a function are seen where they are
    taken: explain ``jax.grad(loss)`` to see those of ``loss``.

    ```
    >>> import jax
    >>> from jax import lax
    >>> def blurred(x, kernel):
    ...     return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", feature_group_count=64)
    >>> x = jax.ShapeDtypeStruct((8, 64, 56, 56), "float32")
    >>> kernel = jax.ShapeDtypeStruct((64, 1, 3, 3), "float32")
    >>> (place,) = explain(blurred, x, kernel).replaced
    >>> place.what, place.operands
    ('convolution', ((8, 64, 56, 56), (64, 1, 3, 3)))

    ```

    Args:
        f: any function that JAX can trace.
        args, kwargs: what it is called with; arrays may be `jax.ShapeDtypeStruct`s.

    Returns:
        An `Explanation`.

    Raises:
        TypeError: if `f` is not callable.
        Exception: what the call itself raises.
    """
    arguments.function("f", f, "arrays or pytrees of them")
    places = list(_places(traced(f, args, kwargs).jaxpr, ""))
    return Explanation(
        tuple(place for place in places if not place.reason),
        tuple(place for place in places if place.reason),
    )


def _places(jaxpr: Any, scope: str, closed_in: str = "") -> Iterator[Place]:
    """Yield the places in a jaxpr. `closed_in`: why nothing in it is replaced, if so."""
    made_by = sources(plain(jaxpr))
    for equation in plain(jaxpr).eqns:
        where = "/".join(filter(None, (scope, str(equation.source_info.name_stack))))
        plan = plan_of(equation, made_by)
        if plan is not None:
            operands = tuple(atom.aval.shape for atom in equation.invars)
            reason = plan.reason or closed_in
            yield Place(plan.what, operands, where, "" if reason else _algorithm(plan), reason)
            continue
        inside, why = list(inner(equation)), closed_in
        if is_choice_of_platform(equation):
            inside, why = inside[-1:], why or "it is chosen by platform already"
        elif equation.primitive.name not in OPENED:
            why = why or f"{equation.primitive.name} is not opened"
        if "name" in equation.params and inside:
            where = "/".join(filter(None, (where, str(equation.params["name"]))))
        for body in inside:
            yield from _places(body, where, why)


def _algorithm(plan: Plan) -> str:
    """The name of the algorithm that computes a plan on a CPU, if ``"auto"`` chooses it."""
    assert plan.compute is not None
    kinds = [jax.ShapeDtypeStruct(atom.aval.shape, atom.aval.dtype) for atom in plan.operands]
    with noting() as notes:
        jax.eval_shape(plan.compute, *kinds)
    chosen = [
        choice["cpu"].algorithm
        for problem, choice in notes.met.items()
        if problem.side == plan.side and "cpu" in choice
    ]
    return chosen[0] if chosen else ""


def _shapes(place: Place) -> str:
    return " ".join(f"({','.join(map(str, shape))})" for shape in place.operands)
