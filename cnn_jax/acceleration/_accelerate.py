"""`accelerate`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from cnn_jax import arguments

from ._interpreter import run
from ._traced import apply


def accelerate(f: Callable) -> Callable:
    """Not yet."""
    arguments.function("f", f, "arrays or pytrees of them")

    @wraps(f, updated=())
    def faster(*args: Any, **kwargs: Any) -> Any:
        return apply(run, f, args, kwargs)

    return faster
