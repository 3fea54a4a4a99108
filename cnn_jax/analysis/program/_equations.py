"""Read the equations of a jaxpr, for all versions of JAX from 0.7.2 on.

Parameters whose names changed between versions are read here and nowhere else.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

# Primitives that only call a function, and the parameter that holds its jaxpr.
_CALLS = {
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "remat2": "jaxpr",
    "composite": "jaxpr",
}


def called(equation: Any, first: Any) -> tuple[Any, int] | None:
    """The jaxpr that an equation calls, and how many of its operands come before the arguments.

    None if the equation is no call. A ``cond`` with a known index calls one branch; a ``cond`` that
    chooses by platform calls its default branch.

    Args:
        equation: an equation of a jaxpr.
        first: the value of its first operand; None if unknown.
    """
    name, options = equation.primitive.name, equation.params
    if name in _CALLS:
        return options[_CALLS[name]], 0
    if name != "cond":
        return None
    branches, platforms = options["branches"], options.get("branches_platforms")
    if platforms is not None:
        return branches[platforms.index(None)] if None in platforms else branches[-1], 1
    if first is None:
        return None
    return branches[int(np.clip(int(first), 0, len(branches) - 1))], 1


class Inner(NamedTuple):
    """A body of an equation, such as that of a loop, and the operands that it takes.

    Attributes:
        jaxpr: the body.
        operands: for each input of the body, the number of the equation's operand.
        fixed: how many of these, the first ones, are the same in each iteration.
        carried: how many after those carry results of the previous iteration.
    """

    jaxpr: Any
    operands: list[int]
    fixed: int
    carried: int


def bodies(equation: Any) -> Iterator[Inner]:
    """Yield a scan's body, a while's condition and body, or the branches of a ``cond``."""
    name, options, number = equation.primitive.name, equation.params, len(equation.invars)
    if name == "cond":
        for branch in options["branches"]:
            yield Inner(branch, list(range(1, number)), number - 1, 0)
    elif name == "while":
        first, second = options["cond_nconsts"], options["body_nconsts"]
        carry = list(range(first + second, number))
        yield Inner(options["cond_jaxpr"], [*range(first), *carry], first, len(carry))
        fixed = range(first, first + second)
        yield Inner(options["body_jaxpr"], [*fixed, *carry], second, len(carry))
    elif name == "scan":
        # From JAX 0.11 on no parameter gives the number of constants. A scanned array has one axis
        # more in the equation than in the body; constants and carries have equal ranks.
        body = plain(options["jaxpr"])
        whole = _equal_ranks(equation.invars, body.invars)
        carried = _equal_ranks(equation.outvars, body.outvars)
        yield Inner(options["jaxpr"], list(range(number)), whole - carried, carried)


def _equal_ranks(outer: Any, inner: Any) -> int:
    return sum(len(a.aval.shape) == len(b.aval.shape) for a, b in zip(outer, inner, strict=True))


def plain(jaxpr: Any) -> Any:
    """The jaxpr itself, where a closed one also holds its constants."""
    return getattr(jaxpr, "jaxpr", jaxpr)


def bind(equation: Any, arrays: list, changed: dict[str, Any] | None = None) -> list:
    """Evaluate an equation on arrays, with some of its parameters `changed`."""
    primitive = equation.primitive
    if changed is not None:
        made = primitive.bind(*arrays, **{**equation.params, **changed})
    else:
        options = primitive.get_bind_params(equation.params)
        # JAX 0.7 returns functions and options, later versions options alone.
        functions, options = options if isinstance(options, tuple) else ((), options)
        with equation.ctx.manager:
            made = primitive.bind(*functions, *arrays, **options)
    return list(made) if primitive.multiple_results else [made]


def reduced_axes(step: Any) -> tuple[int, ...]:
    """The axes that a reduction removes."""
    return tuple(step.params["axes"] if "axes" in step.params else step.params["dimensions"])
