"""Equations that hold functions, built again around the same functions made faster.

Each takes `run`, which computes a jaxpr, the equation and its operands, and returns its results.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
from jax import core, lax

from ._custom import custom_jvp, custom_vjp
from ._equations import bind, manual_axes, scanned

Run = Callable[[Any, Sequence], list]


def _jit(run: Run, equation: Any, operands: list) -> list:
    """A jitted function keeps its name, its shardings and what it donates."""
    faster = _traced_once(run, equation.params["jaxpr"]).trace(*operands).jaxpr
    return bind(equation, operands, jaxpr=faster)


@lru_cache(maxsize=256)
def _traced_once(run: Run, jaxpr: Any) -> Any:
    """The function of a jaxpr; JAX traces and compiles it once for each way to trace it."""
    return jax.jit(lambda *operands: run(jaxpr, operands))


def _closed_call(run: Run, equation: Any, operands: list) -> list:
    return run(equation.params["call_jaxpr"], operands)


def _remat(run: Run, equation: Any, operands: list) -> list:
    """Bound again, as `jax.checkpoint` cannot say that it was differentiated."""
    closed = jax.make_jaxpr(lambda *arrays: run(equation.params["jaxpr"], arrays))(*operands)
    constants = closed.consts
    if constants:  # it must be open: they become operands
        evaluate = lambda c, *arrays: core.eval_jaxpr(closed.jaxpr, c, *arrays)  # noqa: E731
        open_jaxpr = jax.make_jaxpr(evaluate)(constants, *operands).jaxpr
    else:
        open_jaxpr = closed.jaxpr
    return bind(equation, [*constants, *operands], jaxpr=open_jaxpr)


def _shard_map(run: Run, equation: Any, operands: list) -> list:
    options = equation.params
    faster = jax.shard_map(
        lambda *arrays: tuple(run(options["jaxpr"], arrays)),
        mesh=options["mesh"],
        in_specs=tuple(options["in_specs"]),
        out_specs=tuple(options["out_specs"]),
        axis_names=set(manual_axes(equation)),
        check_vma=options["check_vma"],
    )
    return list(faster(*operands))


def _scan(run: Run, equation: Any, operands: list) -> list:
    options = equation.params
    fixed, carried = scanned(equation)
    constants, start, rows = (
        operands[:fixed],
        operands[fixed : fixed + carried],
        operands[fixed + carried :],
    )

    def step(carry: list, row: list) -> tuple[list, list]:
        made = run(options["jaxpr"], [*constants, *carry, *row])
        return made[:carried], made[carried:]

    names = ("length", "reverse", "unroll", "_split_transpose")
    given = {name: options[name] for name in names if name in options}
    carry, made = lax.scan(step, start, rows, **given)
    return [*carry, *made]


def _while(run: Run, equation: Any, operands: list) -> list:
    options = equation.params
    first = options["cond_nconsts"]
    second = first + options["body_nconsts"]

    def goes_on(carry: list) -> jax.Array:
        return run(options["cond_jaxpr"], [*operands[:first], *carry])[0]

    def step(carry: list) -> list:
        return run(options["body_jaxpr"], [*operands[first:second], *carry])

    return lax.while_loop(goes_on, step, operands[second:])


def _cond(run: Run, equation: Any, operands: list) -> list:
    index, *rest = operands
    branches = [
        lambda *arrays, branch=branch: run(branch, arrays) for branch in equation.params["branches"]
    ]
    return lax.switch(index, branches, *rest)


REBUILT: dict[str, Callable[[Run, Any, list], list]] = {
    "jit": _jit,
    "closed_call": _closed_call,
    "remat2": _remat,
    "checkpoint": _remat,
    "shard_map": _shard_map,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "custom_jvp_call": custom_jvp,
    "custom_vjp_call": custom_vjp,
}
