"""Values at points: every method, padding and coordinate of `F.sample`, and what warps are."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from tests import oracle
from tests.derivatives import double_precision

METHODS, MODES = ("nearest", "linear", "cubic"), ("zeros", "replicate", "reflect", "circular")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("padding_mode", MODES)
def test_points_far_outside_too_equal_the_definition(rank, method, padding_mode):
    random = np.random.default_rng(rank)
    for normalized, align_corners in itertools.product((False, True), repeat=2):
        spatial = tuple(map(int, random.integers(1, 7, rank)))
        x = random.standard_normal((2, *spatial, 3))
        points = random.standard_normal((2, 4, 5, rank)) * (1.5 if normalized else 6)
        options = {
            "method": method, "padding_mode": padding_mode, "normalized": normalized,
            "align_corners": align_corners,
        }  # fmt: skip
        with double_precision():
            y = F.sample(x, points, **options)
        np.testing.assert_allclose(
            y, oracle.sample(x, points, **options), rtol=1e-9, atol=1e-9, err_msg=str(options)
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("padding_mode", MODES)
def test_at_whole_numbers_it_is_the_padded_map(method, padding_mode):
    x = np.random.default_rng(0).integers(-9, 9, (1, 5, 4, 2)).astype(np.float32)
    padded = F.pad(x, ((3, 3), (3, 3)), padding_mode=padding_mode)
    grid = np.moveaxis(np.indices(padded.shape[1:3], np.float32), 0, -1)[None] - 3
    options = {"method": method, "padding_mode": padding_mode, "align_corners": True}
    np.testing.assert_array_equal(F.sample(x, grid, **options), padded)


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_at_the_places_of_upsample_it_is_upsample(method):
    x = np.random.default_rng(0).standard_normal((1, 5, 6, 2)).astype(np.float32)
    places = [(np.arange(n * 3, dtype=np.float32) + 0.5) / 3 - 0.5 for n in x.shape[1:3]]
    grid = np.stack(np.meshgrid(*places, indexing="ij"), -1)[None]
    y = F.sample(x, grid, method=method, padding_mode="replicate")
    np.testing.assert_allclose(y, F.upsample(x, (3, 3), method=method), rtol=1e-5, atol=1e-5)


def test_a_quarter_turn():
    image = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    rows, columns = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 3), indexing="ij")
    turned = np.stack([columns, -rows], -1).astype(np.float32)
    y = F.sample(image, turned, normalized=True, align_corners=True)
    np.testing.assert_allclose(y, np.rot90(image), atol=1e-5)


def test_elements_of_no_weight_do_not_count():
    x = jnp.array([1.0, np.inf, 3.0, np.nan])[:, None]
    y = F.sample(x, jnp.array([[0.0], [2.0], [-5.0]]))
    assert y.ravel().tolist() == [1, 3, 0]
    assert np.isinf(F.sample(x, jnp.array([[0.5]]))).all()


def test_the_derivative_by_points_is_the_slope_of_the_piece():
    x = jnp.array([0.0, 1.0, 5.0])[:, None]
    slope = jax.vmap(jax.grad(lambda u: F.sample(x, u[None, None])[0, 0]))
    assert slope(jnp.array([0.5, 1.5, -0.5, 9.0])).tolist() == [1, 4, 0, 0]
    nearest = jax.grad(lambda u: F.sample(x, u[None, None], method="nearest")[0, 0])
    assert nearest(0.7) == 0


def test_integers_are_chosen_from():
    x = np.array([[3], [7]], np.int8)
    y = F.sample(x, np.array([[0.4], [0.6]], np.float32), method="nearest")
    assert (y.dtype, y.ravel().tolist()) == (np.int8, [3, 7])
