"""How tests compile programs: quickly, where speed does not matter, and no program twice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

# Without LLVM's passes, which take a third of the time; XLA's own passes are all there.
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}

REMEMBER = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


@contextmanager
def remembered(factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled programs in a folder of this test run, for its workers and their subprocesses.

    A program that is traced again, in a test that starts anew, is then read and not compiled.
    """
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # above the folders of the workers
        folder = folder.parent
    options = {"jax_compilation_cache_dir": str(folder / "compiled"), **REMEMBER}
    before = {name: getattr(jax.config, name) for name in options}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in options.items():
            patch.setenv(name.upper(), str(value))
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        try:
            yield
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
            compilation_cache.reset_cache()
