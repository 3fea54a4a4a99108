"""The algorithms by name. A new one is a file beside these, and a line here."""

from types import ModuleType

from .. import fft, im2col, phases, planes, separable, shifted, toeplitz, vmap, winograd, xla
from .._contract import Problem

ALGORITHMS: dict[str, ModuleType] = {
    "xla": xla,
    "vmap": vmap,
    "toeplitz": toeplitz,
    "im2col": im2col,
    "shifted": shifted,
    "winograd": winograd,
    "fft": fft,
    "phases": phases,
    "planes": planes,
    "separable": separable,
}


def unsupported(name: str, problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    algorithm = ALGORITHMS[name]
    needed = "output" if problem.kernel and problem.side != "local" else problem.side
    if not hasattr(algorithm, needed):
        return "it has no such function"
    reason = getattr(algorithm, "unsupported", None)
    return reason(problem) if reason else None


def workspace(name: str, problem: Problem) -> int:
    """Bytes that an algorithm expects to take besides arguments and results; 0 if it cannot say."""
    expected = getattr(ALGORITHMS[name], "workspace", None)
    return expected(problem) if expected else 0


def fits(name: str, problem: Problem, max_workspace: int) -> bool:
    """Whether there is an algorithm of that name, which computes `problem` in so many bytes."""
    return (
        name in ALGORITHMS
        and unsupported(name, problem) is None
        and workspace(name, problem) <= max_workspace
    )


def candidates(problem: Problem, max_workspace: int) -> list[str]:
    """The algorithms with a function of their own for this side, that fit."""
    return [
        name
        for name, algorithm in ALGORITHMS.items()
        if hasattr(algorithm, problem.side) and fits(name, problem, max_workspace)
    ]
