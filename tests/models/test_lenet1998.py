"""LeNet-5 of 1998: the paper's counts of parameters and connections, its table, its distances."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.models.lenet1998 import DIGITS, TABLE, RadialBasis, Subsample

from .networks import abstract, filled, images, maps, parameters, shapes

TRAINABLE = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
CONNECTIONS = {"c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120, "f6": 10_164}


@pytest.fixture
def model():
    """With random weights, but the pictures of the digits."""
    made = filled(models.lenet1998)
    made.logits.targets[...] = jnp.asarray(DIGITS)
    return made


@pytest.mark.parametrize("size", [32, 28])
def test_published_parameters_and_shapes(size):
    model = abstract(models.lenet1998, input_size=size)
    assert {layer: parameters(model, layer) for layer in TRAINABLE} == TRAINABLE
    assert parameters(model) == sum(TRAINABLE.values()) == 60_000
    assert model.logits.targets.shape == (10, 84)
    assert shapes(model, 2, 3, size, size, 1) == {
        "c1": (2, 3, 28, 28, 6),
        "s2": (2, 3, 14, 14, 6),
        "c3": (2, 3, 10, 10, 16),
        "s4": (2, 3, 5, 5, 16),
        "c5": (2, 3, 1, 1, 120),
        "f6": (2, 3, 84),
        "distances": (2, 3, 10),
        "logits": (2, 3, 10),
    }


def test_published_connections(model):
    """With all weights 1, a unit that sees ones sums to how many inputs it has; one more is its
    bias's."""
    x = jnp.ones((32, 32, 1))
    counts = {}
    for name in CONNECTIONS:
        layer = getattr(model, name)
        for parameter in jax.tree.leaves(layer, is_leaf=lambda p: isinstance(p, nnx.Param)):
            if isinstance(parameter, nnx.Param):
                parameter[...] = jnp.ones_like(parameter[...])
        y = layer(x if name != "f6" else x.ravel())
        counts[name] = int(y.sum())
        x = jnp.ones_like(y)
    assert counts == CONNECTIONS
    assert sum(counts.values()) + model.logits.targets.size == 340_908


def test_the_table():
    """The paper: six maps see 3 neighbors, six see 4 neighbors, three see 4 others, one sees all;
    neighbors go around."""
    assert [len(seen) for seen in TABLE] == [3] * 6 + [4] * 9 + [6]
    assert len(set(TABLE)) == 16
    for row, count in ((TABLE[:6], 3), (TABLE[6:12], 4)):
        expected = [sorted((first + i) % 6 for i in range(count)) for first in range(6)]
        assert [sorted(seen) for seen in row] == expected
    assert all(sum(source in seen for seen in TABLE) == 10 for source in range(6))


def test_a_map_of_c3_sees_its_maps_of_s2_and_no_other(model):
    x = jnp.asarray(images(6, 6, 6))
    jacobian = jax.jacobian(lambda v: model.c3(v)[0, 0])(x)  # (16, 6, 6, 6)
    sees = np.abs(np.asarray(jacobian)).sum((1, 2)) > 0
    assert [tuple(np.flatnonzero(row)) for row in sees] == list(TABLE)


def test_it_computes_the_paper(model):
    """Layer by layer in float64, from the sentences of section II.B."""

    def value(parameter):
        return np.asarray(parameter[...], np.float64)

    def squash(a):
        return 1.7159 * np.tanh(2 / 3 * a)

    def pooled(x, layer):
        x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).sum((1, 3))
        return squash(x * value(layer.coefficient) + value(layer.bias))

    def conv(x, kernel, bias):
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(0, 1))
        return squash(np.einsum("hwcij,ijco->hwo", windows, kernel) + bias)

    x = images(32, 32, 1)
    expected = {"c1": conv(x.astype(np.float64), value(model.c1.kernel), value(model.c1.bias))}
    expected["s2"] = pooled(expected["c1"], model.s2)
    windows, c3 = iter(np.moveaxis(value(model.c3.kernel), -1, 0)), []
    for out, seen in enumerate(TABLE):
        kernel = np.stack([next(windows) for _ in seen], -1)[..., None]
        c3.append(conv(expected["s2"][..., list(seen)], kernel, value(model.c3.bias)[out]))
    expected["c3"] = np.concatenate(c3, -1)
    expected["s4"] = pooled(expected["c3"], model.s4)
    expected["c5"] = conv(expected["s4"], value(model.c5.kernel), value(model.c5.bias))
    f6 = expected["c5"].ravel() @ value(model.f6.kernel) + value(model.f6.bias)
    expected["f6"] = squash(f6)
    expected["distances"] = np.array([((expected["f6"] - d) ** 2).sum() for d in DIGITS])
    expected["logits"] = -expected["distances"]
    made = maps(model, x)
    assert set(made) == set(expected)
    for name, stage in expected.items():
        np.testing.assert_allclose(made[name], stage, rtol=2e-4, atol=1e-4, err_msg=name)


def test_the_digits_are_far_apart_and_are_their_own_class():
    apart = ((DIGITS[:, None] - DIGITS[None]) ** 2).sum(-1)
    assert (np.abs(DIGITS) == 1).all()
    assert DIGITS.shape == (10, 84)
    assert apart[~np.eye(10, dtype=bool)].min() >= 40  # 10 pixels
    made = RadialBasis(DIGITS)
    noisy = DIGITS + np.random.default_rng(0).normal(0, 0.3, DIGITS.shape).astype(np.float32)
    assert (np.argmax(made(jnp.asarray(noisy)), -1) == np.arange(10)).all()


def test_the_targets_are_not_trained(model):
    params = nnx.state(model, nnx.Param)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 60_000
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    x = images(2, 32, 32, 1)

    def loss(params):
        return nnx.merge(graph, params, rest)(x)[:, 3].sum()

    with F.using(algorithm="xla"):
        gradients = jax.jit(jax.grad(loss))(params)
    assert all(jnp.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))


def test_a_subsampling_unit_starts_as_the_average():
    x = images(2, 28, 28, 6)
    chex.assert_trees_all_close(Subsample(6)(x), F.avg_pool(x, (2, 2)), rtol=1e-5, atol=1e-6)


def test_options_change_what_they_say(model):
    x = images(2, 32, 32, 1)
    activations = ("scaled_tanh", "tanh", "relu")
    logits = [maps(filled(models.lenet1998, activation=a), x)["logits"] for a in activations]
    assert len({round(float(jnp.abs(l).sum()), 2) for l in logits}) == 3
    around = np.pad(x[:, 2:-2, 2:-2], ((0, 0), (2, 2), (2, 2), (0, 0)))
    padding = filled(models.lenet1998, input_size=28)
    chex.assert_trees_all_close(
        maps(padding, x[:, 2:-2, 2:-2])["c3"], maps(model, around)["c3"], rtol=1e-4, atol=1e-5
    )
    half = filled(models.lenet1998, dtype=jnp.bfloat16)
    assert {name: leaf.dtype.name for name, leaf in maps(half, x).items()} == {
        **dict.fromkeys(TRAINABLE, "bfloat16"),
        "distances": "float32",
        "logits": "float32",
    }
    other = abstract(models.lenet1998, targets=np.eye(3, 84), in_channels=2)
    assert shapes(other, 32, 32, 2)["logits"] == (3,)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda **o: models.lenet1998(input_size=30, **o), "`input_size` must be one of 32, 28;"),
        (lambda **o: models.lenet1998(activation="gelu", **o), "`activation` must be one of 'sca"),
        (lambda **o: models.lenet1998(in_channels=0, **o), "`in_channels` must be a positive int"),
        (
            lambda **o: models.lenet1998(targets=np.ones((10, 83)), **o),
            "`targets` must be (num_classes, 84), a picture of 12 rows of 7 pixels for each class; "
            "got shape (10, 83).",
        ),
        (
            lambda **o: models.lenet1998(targets=np.full((10, 84), np.nan), **o),
            "of finite numbers; got NaN or infinity.",
        ),
        (
            lambda **o: filled(models.lenet1998)(images(2, 28, 28, 1)),
            "`images` must be (*batch, 32, 32, 1), as the network was made; got shape "
            "(2, 28, 28, 1).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make(rngs=nnx.Rngs(0))


@pytest.mark.parametrize("targets", ["x", 1j, (1, "a"), {}])
def test_targets_that_are_no_numbers(targets):
    with pytest.raises(TypeError, match=r"`targets` must be \(num_classes, 84\).*; got "):
        models.lenet1998(targets=targets, rngs=nnx.Rngs(0))
