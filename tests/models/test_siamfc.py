"""SiamFC: published numbers, and a correlation with a kernel of its own for each example."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.models.siamfc import correlate

from .networks import abstract, filled, images, maps, parameters, shapes

SIZES = {"conv1": (59, 123), "pool1": (29, 61), "conv2": (25, 57), "pool2": (12, 28)}
SIZES |= {"conv3": (10, 26), "conv4": (8, 24), "conv5": (6, 22)}
WIDTHS = {"conv1": 96, "pool1": 96, "conv2": 256, "pool2": 256, "conv3": 384, "conv4": 384}
WIDTHS |= {"conv5": 256}


def test_published_parameters():
    model = abstract(models.siamfc)
    kernels = 121 * 3 * 96 + 25 * 48 * 256 + 9 * (256 * 384 + 192 * 384 + 192 * 256)
    norms = 2 * (96 + 256 + 384 + 384 + 256)
    assert kernels == 34_848 + 307_200 + 884_736 + 663_552 + 442_368
    assert parameters(model) == kernels + norms + 2 == 2_335_458
    small = abstract(models.siamfc_small)
    assert parameters(small) == 1_800 + 10_368 + 20_736 + 2 * (24 + 48 + 48) + 2 == 33_146


def test_published_sizes():
    model = abstract(models.siamfc)
    for number, side in enumerate((127, 255)):
        expected = {n: (2, s[number], s[number], WIDTHS[n]) for n, s in SIZES.items()}
        assert shapes(model, 2, side, side, 3) == expected
    small = abstract(models.siamfc_small)
    for side, expected in ((32, (4, 4, 48)), (64, (12, 12, 48))):
        assert shapes(small, side, side, 3)["conv3"] == expected
    for made, (exemplar, search, response) in ((model, (127, 255, 17)), (small, (32, 64, 9))):
        graph, state = nnx.split(made)
        assert (made.variant.exemplar, made.variant.search) == (exemplar, search)
        x = [jax.ShapeDtypeStruct((2, side, side, 3), jnp.float32) for side in (exemplar, search)]
        found = jax.eval_shape(
            lambda s, z, x, graph=graph: nnx.merge(graph, s).response(z, x), state, *x
        )
        assert found.shape == (2, response, response)


@pytest.mark.parametrize("algorithm", ["auto", "xla"])
def test_each_example_has_a_kernel_of_its_own(algorithm):
    x, kernels = images(2, 3, 7, 8, 4), images(2, 3, 3, 2, 4, seed=1)
    with F.using(algorithm=algorithm):
        found = np.asarray(jax.jit(correlate)(x, kernels))
    expected = np.zeros((2, 3, 5, 7))
    for place in np.ndindex(expected.shape):
        *example, row, column = place
        window = x[tuple(example)][row : row + 3, column : column + 2]
        expected[place] = (window.astype(float) * kernels[tuple(example)]).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_response_is_the_correlation_of_embeddings_scaled():
    model = filled(models.siamfc_small)
    model.eval()
    exemplar, search = images(2, 32, 32, 3), images(2, 64, 64, 3, seed=1)
    z, x = maps(model, exemplar)["conv3"], maps(model, search)["conv3"]
    with F.using(algorithm="xla"):
        found = np.asarray(model.compare(z, x))
    window = np.asarray(x, np.float64)[1, 3:7, 5:9]
    value = float(model.gain[...]) * (window * np.asarray(z, np.float64)[1]).sum()
    assert found[1, 3, 5] == pytest.approx(value + float(model.bias[...]), rel=1e-4)


def test_a_shifted_image_has_a_shifted_embedding():
    model = filled(models.siamfc_small)
    model.eval()
    x = images(48, 48, 3)
    found, moved = (np.asarray(maps(model, v)["conv3"]) for v in (x[:44, :40], x[4:, 8:]))
    np.testing.assert_allclose(found[1:, 2:], moved[:-1, :-2], atol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: abstract(models.siamfc, variant="2017"), "`variant` must be one of '2016'"),
        (lambda: abstract(models.siamfc, in_channels=0), "`in_channels` must be a positive int"),
        (lambda: shapes(abstract(models.siamfc_small), 31, 32, 3), "and at least 32x32"),
        (
            lambda: correlate(jnp.zeros((2, 5, 5, 3)), jnp.zeros((3, 2, 2, 3))),
            "`kernels` must have the batch axes and channels of `x`",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
