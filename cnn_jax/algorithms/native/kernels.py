"""Whether kernels can be compiled here, and the functions that call them."""

import functools
import importlib.util
import warnings
from collections.abc import Callable

import jax


def missing() -> str | None:
    """Why there are no kernels, as far as is known without loading LLVM; or None.

    The first time it warns, since all that `auto` computes is slower then.
    """
    if importlib.util.find_spec("llvmlite") is None:
        reason = "llvmlite is not installed"
    else:
        tried = failure.cache_info().currsize > 0
        reason = failure() if tried else None
    if reason is not None:
        _warn(reason)
    return reason


def unavailable() -> str | None:
    """Why a call that names the kernels cannot have them, or None: on CPUs this loads LLVM."""
    return failure() if jax.default_backend() == "cpu" else None


def side(name: str) -> Callable[..., jax.Array] | None:
    """The function of `calls.py` of that name; None, with one warning, if there are no kernels."""
    reason = failure()
    if reason is not None:
        _warn(reason)
        return None
    from . import calls

    return getattr(calls, name, None)


@functools.cache
def failure() -> str | None:
    """Why kernels cannot be compiled here, after LLVM was loaded; or None."""
    try:
        from .llvm import compiler, machine

        compiler.target_machine(machine.host())
    except Exception as error:  # whatever is wrong with LLVM here, the built-in works
        return f"LLVM does not work here ({error})"
    return None


@functools.cache
def _warn(reason: str) -> None:
    warnings.warn(
        f"cnn_jax computes without its CPU kernels, which are faster than XLA's: {reason}",
        RuntimeWarning,
        stacklevel=3,
    )
