"""Which equations of a jaxpr have a plan."""

from collections.abc import Callable, Mapping
from typing import Any

from . import _convolutions, _windows
from ._plan import Plan

Sources = Mapping[Any, Any]

PLANNED: dict[str, Callable[[Any, Sources], Plan]] = {
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


def plan_of(equation: Any, made_by: Sources) -> Plan | None:
    """The plan of an equation; None if it is neither a convolution nor a window reduction."""
    name = equation.primitive.name
    if name in PLANNED:
        return PLANNED[name](equation, made_by)
    return Plan(name, reason=LEFT[name]) if name in LEFT else None


def sources(jaxpr: Any) -> Sources:
    """The equations of a jaxpr that flip or pad an array, by the variable that they make.

    JAX flips the kernel for the gradient with respect to a convolution's input, and pads the
    cotangent for that of a sum pool. Ours take both as they were.
    """
    return {
        equation.outvars[0]: equation
        for equation in jaxpr.eqns
        if equation.primitive.name in ("rev", "pad")
    }
