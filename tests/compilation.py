"""How tests compile programs: quickly, where speed does not matter, and no program twice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache


def _known(options):
    """Those of the options that this jaxlib has: one that it has not is an error."""
    for name, value in options.items():
        try:
            jax.jit(lambda x: x, compiler_options={name: value}).lower(0).compile()
        except jax.errors.JaxRuntimeError:
            continue
        yield name, value


# Without LLVM's passes and XLA's newer way of writing out a fused loop, which take four fifths of
# the time; XLA's own passes are all there. CNN_JAX_TESTS=optimized compiles as users do.
QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
QUICKLY = {} if os.environ.get("CNN_JAX_TESTS") == "optimized" else dict(_known(QUICKLY))
jit = partial(jax.jit, compiler_options=QUICKLY)  # where values are tested, and no speed

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
