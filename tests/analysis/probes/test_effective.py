"""Effective fields: inside the box, as large as it, and as wide as theory says."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import nn
from cnn_jax.analysis import effective_receptive_field, receptive_field

from ..networks import NETWORKS, kernel, residual

KEY = jax.random.key(7)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_support_fills_the_box(name):
    f, shape = NETWORKS[name]
    (seen,) = receptive_field(f, shape).inputs
    with F.using(algorithm="xla"):
        (found,) = effective_receptive_field(f, shape, key=KEY, samples=8).inputs
    assert found.axes == seen.spatial
    places = np.nonzero(found.support)
    hull = tuple((int(p.min()), int(p.max())) for p in places)
    assert hull == tuple(seen.box[axis] for axis in found.axes)


@pytest.mark.parametrize("layers", [1, 4, 9])
def test_uniform_layers_are_as_wide_as_an_n_fold_box(layers):
    def f(x):
        for _ in range(layers):
            x = F.conv(x, np.ones((3, 3, 1, 1), np.float32), padding=1)
        return x

    (found,) = effective_receptive_field(f, (21, 23, 1), key=KEY, samples=2).inputs
    np.testing.assert_allclose(found.width, math.sqrt(2 * layers / 3), rtol=1e-6)
    np.testing.assert_allclose(found.center, (10, 11), rtol=1e-6)
    box = np.ones(3)
    line = np.ones(1)
    for _ in range(layers):
        line = np.convolve(line, box)
    np.testing.assert_allclose(found.magnitude[10, 11 - layers : 12 + layers] / line, line.max())


def test_magnitude_and_energy_are_means_over_the_draws():
    def f(x):
        return 3 * x  # the gradient is 3 with one sign or the other in each channel

    (found,) = effective_receptive_field(f, (4, 2), key=KEY, unit=(2, 1), samples=5).inputs
    assert found.axes == (0, 1)
    np.testing.assert_allclose(found.magnitude, 3.0)
    np.testing.assert_allclose(found.energy, 9.0)


def test_channels_count_together_with_random_signs():
    def f(x):
        y = F.conv(x, kernel(3, 1, 1))
        return jnp.concatenate([y, -y], axis=-1)  # whose plain sum depends on nothing

    (found,) = effective_receptive_field(f, (9, 1), key=KEY, samples=16).inputs
    assert found.support.sum() == 3


def test_a_unit_is_chosen_and_an_output():
    def f(x):
        return {"a": F.conv(x, kernel(3, 1, 1)), "b": x}

    found = effective_receptive_field(f, (9, 1), key=KEY, samples=2, output="a", unit=(0,))
    assert np.nonzero(found.inputs[0].support)[0].tolist() == [0, 1, 2]
    assert (found.unit, found.output, found.samples) == ((0, 0), "a", 2)


def test_parameters_and_several_inputs():
    def f(params, x, y):
        return params["w"] * x + y.sum()

    params = {"w": jnp.full((4,), 2.0)}
    x, y = effective_receptive_field(f, (4,), (3,), params=params, key=KEY, samples=3).inputs
    np.testing.assert_allclose(x.magnitude, 2.0)
    assert (y.magnitude > 0).all()


def test_the_same_key_gives_the_same_map():
    first, again, other = (
        effective_receptive_field(residual, (1, 13, 12, 1), key=key, samples=2).inputs[0].magnitude
        for key in (KEY, KEY, jax.random.key(8))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("key", [0, jax.random.split(KEY), np.zeros(2, np.uint32)])
def test_a_key_is_one_typed_key(key):
    with pytest.raises(TypeError, match=r"`key` must be one typed key, as jax.random.key\(0\)"):
        effective_receptive_field(residual, (1, 9, 9, 1), key=key)


def test_shapes_for_parameters_are_refused():
    model = nnx.eval_shape(lambda: nn.Conv(1, 1, (3,), rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match=r"must hold arrays to be run, .* `(kernel|bias)`"):
        effective_receptive_field(model, (5, 1), key=KEY)


@pytest.mark.parametrize(
    ("f", "shape", "options", "error", "words"),
    [
        (
            residual,
            (1, 9, 9, 1),
            {"samples": 0},
            ValueError,
            "must be a positive int; got 0",
        ),
        (
            residual,
            (1, 9, 9, 1),
            {"samples": 2.0},
            TypeError,
            "`samples` must be a positive",
        ),
        (residual, (1, 9, 9, 1), {"unit": (9, 0)}, ValueError, "`unit` must lie in the output"),
        (jnp.argmax, (3,), {}, TypeError, "`f` must return floats to have a gradient; got int32"),
        (
            lambda x: x * 2,
            jax.ShapeDtypeStruct((3,), jnp.int32),
            {},
            TypeError,
            "Input 0 must be of floats to have a gradient; got int32",
        ),
    ],
)
def test_wrong_calls_say_what_is_wrong(f, shape, options, error, words):
    with pytest.raises(error, match=words):
        effective_receptive_field(f, shape, key=KEY, **options)
