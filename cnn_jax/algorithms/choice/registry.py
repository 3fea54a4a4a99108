"""The algorithms by name. A new one is a file beside these, and a line here."""

from .. import (
    fft,
    im2col,
    native,
    phases,
    planes,
    separable,
    shifted,
    toeplitz,
    vmap,
    winograd,
    xla,
)
from .._contract import Algorithm, Problem

ALGORITHMS: dict[str, Algorithm] = {
    "xla": xla.ALGORITHM,
    "vmap": vmap.ALGORITHM,
    "toeplitz": toeplitz.ALGORITHM,
    "im2col": im2col.ALGORITHM,
    "shifted": shifted.ALGORITHM,
    "winograd": winograd.ALGORITHM,
    "fft": fft.ALGORITHM,
    "phases": phases.ALGORITHM,
    "planes": planes.ALGORITHM,
    "separable": separable.ALGORITHM,
    "native": native.ALGORITHM,
}


def unsupported(name: str, problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    algorithm = ALGORITHMS[name]
    needed = "output" if problem.kernel and problem.side != "local" else problem.side
    if getattr(algorithm, needed) is None:
        return "it has no such function"
    return algorithm.unsupported(problem)


def fits(name: str, problem: Problem, max_workspace: int) -> bool:
    """Whether there is an algorithm `name` that computes `problem` in `max_workspace` bytes."""
    return (
        name in ALGORITHMS
        and unsupported(name, problem) is None
        and ALGORITHMS[name].workspace(problem) <= max_workspace
    )


def candidates(problem: Problem, max_workspace: int) -> list[str]:
    """The names of the algorithms that fit and have a function of their own for this side."""
    return [
        name
        for name, algorithm in ALGORITHMS.items()
        if getattr(algorithm, problem.side) and fits(name, problem, max_workspace)
    ]
