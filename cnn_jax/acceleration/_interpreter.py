"""Run a jaxpr, with the equations that have a plan computed by this library."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
from jax import lax
from jax.extend.core import Literal

from ._equations import OPENED, as_written, bind, inner, is_choice_of_platform, plain
from ._plan import Compute, Plan
from ._planning import PLANNED, Sources, plan_of, sources
from ._rebuilt import REBUILT


def run(jaxpr: Any, operands: Sequence) -> list:
    """Compute the outputs of a jaxpr, open or closed, with what can be replaced replaced."""
    open_jaxpr = plain(jaxpr)
    known = dict(zip(open_jaxpr.invars, operands, strict=True))
    known |= zip(open_jaxpr.constvars, getattr(jaxpr, "consts", ()), strict=True)
    made_by = sources(open_jaxpr)
    dead = _last_uses(open_jaxpr, made_by)

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    for number, equation in enumerate(open_jaxpr.eqns):
        with as_written(equation):
            plan = plan_of(equation, made_by)
            if plan is not None and plan.compute is not None:
                made = [_by_platform(plan, plan.compute, equation, read)]
            elif plan is None and worth_opening(equation):
                operands = [read(atom) for atom in equation.invars]
                made = REBUILT[equation.primitive.name](run, equation, operands)
            else:
                made = bind(equation, [read(atom) for atom in equation.invars])
        known |= zip(equation.outvars, made, strict=True)
        for variable in dead[number]:
            del known[variable]
    return [read(atom) for atom in open_jaxpr.outvars]


def worth_opening(equation: Any) -> bool:
    """Whether an equation holds a function in which something may be replaced.

    The rules of a ``custom_vjp`` are not known before they run: it always may.
    """
    name = equation.primitive.name
    if name not in OPENED or is_choice_of_platform(equation):
        return False
    return name == "custom_vjp_call" or any(_holds(plain(jaxpr)) for jaxpr in inner(equation))


def _holds(jaxpr: Any) -> bool:
    return any(
        equation.primitive.name in PLANNED or worth_opening(equation) for equation in jaxpr.eqns
    )


def _by_platform(
    plan: Plan, compute: Compute, equation: Any, read: Callable[[Any], Any]
) -> jax.Array:
    """Compute by the plan where this library is faster; elsewhere by the equation as it was."""
    atoms = [*equation.invars]
    atoms += [atom for atom in plan.operands if all(atom is not other for other in atoms)]
    number = len(equation.invars)
    places = [next(i for i, a in enumerate(atoms) if a is atom) for atom in plan.operands]
    arrays = [read(atom) for atom in atoms]

    def ours(*arrays: jax.Array) -> jax.Array:
        return compute(*(arrays[place] for place in places))

    def as_it_was(*arrays: jax.Array) -> jax.Array:
        return bind(equation, arrays[:number])[0]

    platforms = plan.platforms(*(arrays[place] for place in places))
    return lax.platform_dependent(*arrays, default=as_it_was, **dict.fromkeys(platforms, ours))


def _last_uses(jaxpr: Any, made_by: Sources) -> list[list]:
    """For each equation the variables that nothing after it reads: their memory can be freed."""
    kept = _variables(jaxpr.outvars)
    dead: list[list] = []
    for equation in reversed(jaxpr.eqns):
        seen = _variables(equation.invars)
        # A plan may read what was flipped or padded.
        seen |= _variables(made_by[v].invars[0] for v in seen if v in made_by)
        dead.append(list((seen | set(equation.outvars)) - kept))
        kept |= seen
    return dead[::-1]


def _variables(atoms: Iterable) -> set:
    return {atom for atom in atoms if not isinstance(atom, Literal)}
