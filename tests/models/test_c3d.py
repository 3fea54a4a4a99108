"""C3D: published sizes, its pools over time and space, its options."""

import re

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.c3d import Variant

from .networks import abstract, filled, images, maps, parameters, shapes

VARIANT = Variant(((3,), (4,), (4, 5), (5, 5), (5, 6)), hidden=9)
SIZE = (16, 17, 20)


def tiny(norm="none", dropout=0.0, size=SIZE):
    return filled(models.C3D, VARIANT, 5, (*size, 2), Style(norm=norm, dropout=dropout))


def test_published_parameters():
    convolutions = ((3, 64), (64, 128), (128, 256), (256, 256), (256, 512), *[(512, 512)] * 3)
    expected = sum(27 * a * b + b for a, b in convolutions)
    assert expected == 27_655_936
    expected += (512 * 4 * 4 + 1) * 4096 + 4097 * 4096 + 4097 * 487
    assert parameters(abstract(models.c3d)) == expected == 79_991_015
    assert parameters(abstract(models.c3d, num_classes=101)) == expected - 4097 * 386
    assert parameters(abstract(models.c3d, norm="batch")) == expected + 64 + 128 + 512 + 1024 * 2


def test_published_shapes():
    assert shapes(abstract(models.c3d), 2, 3, 16, 112, 112, 3) == {
        "stage1": (2, 3, 16, 56, 56, 64),
        "stage2": (2, 3, 8, 28, 28, 128),
        "stage3": (2, 3, 4, 14, 14, 256),
        "stage4": (2, 3, 2, 7, 7, 512),
        "stage5": (2, 3, 1, 4, 4, 512),
        "dense1": (2, 3, 4096),
        "dense2": (2, 3, 4096),
        "logits": (2, 3, 487),
    }


def test_the_first_pool_keeps_time_and_the_last_one_is_padded_in_space():
    model, x = tiny(), images(*SIZE, 2)
    made = maps(model, x)
    with F.using(algorithm="xla"):
        first = np.asarray(model.stage1(x))
        last = np.asarray(model.stage5(made["stage4"]))
    pooled = first[:, :16, :20].reshape(16, 8, 2, 10, 2, 3).max((2, 4))
    np.testing.assert_allclose(made["stage1"], pooled, rtol=1e-4, atol=1e-5)
    assert last.shape == (2, 1, 1, 6)
    np.testing.assert_allclose(made["stage5"], last.max(0, keepdims=True), rtol=1e-4, atol=1e-5)


def test_a_convolution_sees_neighbors_in_time():
    model, x = tiny(), images(*SIZE, 2)
    changed = x.copy()
    changed[7] += 1
    with F.using(algorithm="xla"):
        difference = np.abs(np.asarray(model.stage1(changed)) - np.asarray(model.stage1(x)))
    assert list(np.flatnonzero(difference.max((1, 2, 3)) > 1e-4)) == [6, 7, 8]


def test_options_change_what_they_say():
    x = images(2, *SIZE, 2)
    plain, batch, group = (maps(tiny(norm), x) for norm in ("none", "batch", "group"))
    logits = [made["logits"] for made in (plain, batch, group)]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == 3
    model = tiny(dropout=0.5)
    trained = maps(model, x)
    chex.assert_trees_all_close(trained["stage5"], plain["stage5"], rtol=1e-5)
    for name in ("dense1", "dense2"):
        assert (np.asarray(trained[name]) == 0).mean() > 0.3
    assert jnp.abs(trained["logits"] - logits[0]).max() > 0.01
    model.eval()
    chex.assert_trees_all_close(maps(model, x)["logits"], logits[0], rtol=1e-4, atol=1e-5)


def test_published_dropout_is_one_half():
    assert abstract(models.c3d).dropout.rate == 0.5


def test_the_least_size_leaves_one_position():
    assert shapes(tiny(size=(16, 16, 16)), 16, 16, 16, 2)["stage5"] == (1, 1, 1, 6)
    for size in ((15, 16, 16), (16, 15, 16), (16, 16, 15)):
        text = f"nothing for the network's last pools; got {size}."
        with pytest.raises(ValueError, match=re.escape(text)):
            abstract(models.c3d, input_size=size)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda **o: models.c3d(norm="layer", **o),
            "`norm` must be one of 'batch', 'group', 'none'",
        ),
        (
            lambda **o: models.c3d(dropout=1, **o),
            "`dropout` must be a number in [0, 1); got 1",
        ),
        (lambda **o: models.c3d(num_classes=0, **o), "`num_classes` must be a positive int; got 0"),
        (
            lambda **o: models.c3d(input_size=(16, 112), **o),
            "`input_size` must be an int or 3 ints",
        ),
        (
            lambda **o: tiny()(images(17, 16, 20, 2)),
            "`images` must be (*batch, 16, 17, 20, 2), as the network was made; got shape "
            "(17, 16, 20, 2).",
        ),
        (lambda **o: tiny()(images(16, 17, 20)), "got shape (16, 17, 20)."),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make(rngs=nnx.Rngs(0))
