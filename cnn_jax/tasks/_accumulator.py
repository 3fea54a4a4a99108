"""A metric that is no mean over examples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Accumulator:
    """Three pure functions that compute a metric batch by batch, on the device.

    Args:
        start: `() -> total`, a tree of arrays.
        add: `(total, outputs, batch) -> total`, of the same shapes.
        result: `(total) -> value`, on the host, from NumPy arrays.

    Example:
        >>> most = Accumulator(lambda: 0, lambda total, outputs, batch: max(total, outputs), int)
        >>> most.result(most.add(most.start(), 3, {}))
        3
    """

    start: Callable[[], Any]
    add: Callable[[Any, Any, Any], Any]
    result: Callable[[Any], Any]
