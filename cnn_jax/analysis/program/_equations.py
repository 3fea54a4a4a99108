"""What an equation of a jaxpr says, whichever version of JAX wrote it: 0.7.2 and newer.

Names of parameters changed between versions; they are read here and nowhere else.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

# Primitives that do no more than call a function, and the parameter that holds it.
_CALLS = {
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "remat2": "jaxpr",
    "composite": "jaxpr",
}


def called(equation: Any, first: Any) -> tuple[Any, int] | None:
    """The jaxpr that an equation only calls, and how many operands come before its arguments.

    None if the equation is no call. A ``cond`` calls one branch where its index is known, and where
    it chooses by the platform, the branch of none in particular.

    Args:
        equation: of a jaxpr.
        first: the value of its first operand, or None if that is not known.
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
    """A body of an equation: its jaxpr, which operands it is given, and how.

    Attributes:
        jaxpr: the body.
        operands: their numbers, one for each variable that the body takes.
        fixed: how many of them, the first ones, are the same in each turn.
        carried: how many after those are what the turn before has made.
    """

    jaxpr: Any
    operands: list[int]
    fixed: int
    carried: int


def bodies(equation: Any) -> Iterator[Inner]:
    """The body of a ``scan``, the condition and the body of a ``while``, branches of a ``cond``."""
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
        # Since JAX 0.11 no parameter tells the number of constants. What is read or written entry
        # by entry has one axis more in the equation than in the body.
        body = plain(options["jaxpr"])
        whole = _as_in_the_body(equation.invars, body.invars)
        carried = _as_in_the_body(equation.outvars, body.outvars)
        yield Inner(options["jaxpr"], list(range(number)), whole - carried, carried)


def _as_in_the_body(outer: Any, inner: Any) -> int:
    return sum(len(a.aval.shape) == len(b.aval.shape) for a, b in zip(outer, inner, strict=True))


def plain(jaxpr: Any) -> Any:
    """The jaxpr without its constants."""
    return getattr(jaxpr, "jaxpr", jaxpr)


def bind(equation: Any, arrays: list, changed: dict[str, Any] | None = None) -> list:
    """Do what an equation says on arrays, with some of its parameters changed."""
    primitive = equation.primitive
    if changed is not None:
        made = primitive.bind(*arrays, **{**equation.params, **changed})
    else:
        options = primitive.get_bind_params(equation.params)
        # JAX 0.7 gives functions and options.
        functions, options = options if isinstance(options, tuple) else ((), options)
        with equation.ctx.manager:
            made = primitive.bind(*functions, *arrays, **options)
    return list(made) if primitive.multiple_results else [made]


def reduced_axes(step: Any) -> tuple[int, ...]:
    """The axes along which a reduction runs."""
    return tuple(step.params["axes"] if "axes" in step.params else step.params["dimensions"])
