"""A cache of measurements of each test's own."""

import jax
import pytest

from cnn_jax.algorithms import _choice, _table, shifted, xla
from cnn_jax.algorithms._tuning import environment, store


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder for what is measured; two algorithms, of which XLA's is the default."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CNN_JAX_CACHE", str(folder))
    monkeypatch.setattr(_choice, "ALGORITHMS", {"xla": xla, "shifted": shifted})
    monkeypatch.setattr(_table, "ROWS", ())
    _forget()
    yield folder
    _forget()


def _forget():
    store.forget()
    environment._environment.cache_clear()
    jax.clear_caches()
