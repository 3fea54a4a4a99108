"""Whether kernels can be compiled here, and the functions that call them."""

import functools
import importlib.util
import warnings
from collections.abc import Callable

import jax


def missing() -> str | None:
    """Why there are no kernels, as far as can be told without loading LLVM; or None."""
    if importlib.util.find_spec("llvmlite") is None:
        return "it needs llvmlite, which is not installed"
    return None


def side(name: str) -> Callable[..., jax.Array] | None:
    """The function of `calls.py` of that name; None, with one warning, if there are no kernels."""
    return getattr(_calls(), name, None)


@functools.cache
def _calls():
    try:
        from . import calls, machine

        machine.host()
    except Exception as error:  # whatever is wrong with LLVM here, the built-in works
        warnings.warn(
            f"cnn_jax computes without its CPU kernels, which are faster than XLA's: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return calls
