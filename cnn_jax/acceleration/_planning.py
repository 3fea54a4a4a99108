"""Which equations of a jaxpr have a plan."""

from collections.abc import Callable, Mapping
from typing import Any

from . import _convolutions, _windows
from ._plan import Plan

Flips = Mapping[Any, tuple[Any, frozenset[int]]]

PLANNED: dict[str, Callable[[Any, Flips], Plan]] = {
    "conv_general_dilated": _convolutions.plan,
    "reduce_window_max": _windows.reduction,
    "reduce_window_min": _windows.reduction,
    "reduce_window_sum": _windows.reduction,
    "reduce_window": _windows.with_start,
    "select_and_scatter_add": _windows.gradient,
    "select_and_gather_add": _windows.tangent,
}

LEFT = {
    "select_and_scatter": "its computation is no sum",
    "conv_general_dilated_local": "its kernel differs from place to place",
}


def plan_of(equation: Any, flips: Flips) -> Plan | None:
    """The plan of an equation; None if it is neither a convolution nor a window reduction."""
    name = equation.primitive.name
    if name in PLANNED:
        return PLANNED[name](equation, flips)
    return Plan(name, reason=LEFT[name]) if name in LEFT else None


def flipped(jaxpr: Any) -> dict[Any, tuple[Any, frozenset[int]]]:
    """The variables of a jaxpr that are another one flipped: that one, and the axes.

    JAX flips the kernel in the gradient with respect to a convolution's input. Ours takes it as it
    was.
    """
    return {
        equation.outvars[0]: (equation.invars[0], frozenset(equation.params["dimensions"]))
        for equation in jaxpr.eqns
        if equation.primitive.name == "rev"
    }
