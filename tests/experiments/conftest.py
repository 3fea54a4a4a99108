"""Runs of an experiment that start anew compile the same programs: quickly, and each once."""

from pathlib import Path

import jax
import pytest

from experiments.data import debian_packages

from ..compilation import remembered

QUICKLY = "jax_disable_most_optimizations"  # a run's few steps take less time than LLVM's passes


@pytest.fixture(scope="package", autouse=True)
def programs_are_remembered(tmp_path_factory):
    with remembered(tmp_path_factory), pytest.MonkeyPatch.context() as patch:
        patch.setenv(QUICKLY.upper(), "true")  # for the processes that tests start
        jax.config.update(QUICKLY, True)
        yield
        jax.config.update(QUICKLY, False)


@pytest.fixture(scope="package", autouse=True)
def packages_of_debian_are_not_there():
    """Whatever this machine has: a run must write the same files everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENCV", "VISP"):
            package = getattr(debian_packages, name)
            patch.setattr(debian_packages, name, package._replace(folder=Path("/nowhere")))
        yield
