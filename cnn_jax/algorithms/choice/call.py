"""The algorithm for one call."""

from .._contract import Algorithm, Problem
from . import settings
from .auto import AUTO
from .registry import ALGORITHMS, unsupported


def choose(algorithm: str, problem: Problem) -> Algorithm:
    """The algorithm that computes a call: the one it names, the one that `using` names, or `AUTO`.

    Args:
        algorithm: what the call says.
        problem: what is to be computed.

    Raises:
        ValueError: if there is no algorithm of that name, or it does not compute this.
    """
    now = settings.current()
    for name, by_the_call in ((settings.checked(algorithm), True), (now.algorithm, False)):
        if name == "auto":
            continue
        reason = unsupported(name, problem) or ALGORITHMS[name].unavailable()
        if reason is None:
            return ALGORITHMS[name]
        if by_the_call:
            able = ", ".join(repr(n) for n in ALGORITHMS if unsupported(n, problem) is None)
            raise ValueError(
                f"`algorithm` {name!r} does not compute this {_what(problem)}: {reason}. "
                f"Those that do: 'auto', {able}."
            )
    return AUTO


def _what(problem: Problem) -> str:
    return {
        "output": "convolution",
        "input_grad": "transposed convolution",
        "local": "unshared convolution",
        "patches": "unfolding",
    }.get(problem.side, problem.side.replace("_", " "))
