"""A cache of measurements of each test's own."""

import jax
import pytest

from cnn_jax.algorithms import ALGORITHMS
from cnn_jax.algorithms.choice import cpu_rules, environment, remembered


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder for what is measured; two algorithms, of which XLA's is the default."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CNN_JAX_CACHE", str(folder))
    every = dict(ALGORITHMS)
    _replace(ALGORITHMS, {name: every[name] for name in ("xla", "shifted")})
    monkeypatch.setattr(cpu_rules, "RULES", ())
    _forget()
    yield folder
    _replace(ALGORITHMS, every)
    _forget()


def _replace(table, content):
    table.clear()
    table.update(content)


def _forget():
    remembered.forget()
    environment._environment.cache_clear()
    jax.clear_caches()
