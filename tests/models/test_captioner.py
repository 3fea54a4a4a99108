"""Captioner: its table, its words by a plain forward pass, and what a word sees."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from tests.compilation import QUICKLY

from .networks import abstract, filled, images, parameters, shapes
from .plain import captioner as plain
from .test_plain import parameters as arrays


def maps_of(model):
    """`feature_maps` of images and words, compiled, in evaluation mode."""
    model.eval()
    graph, state = nnx.split(model)
    compute = jax.jit(
        lambda state, x, words: nnx.merge(graph, state).feature_maps(x, words),
        compiler_options=QUICKLY,
    )

    def maps(x, words):
        with F.using(algorithm="xla"):
            return compute(state, x, words)

    return maps


def tiny(**options):
    shape = {"vocabulary": 7, "in_channels": 2, "widths": (3, 4), "channels": 6, "layers": 2}
    return filled(models.captioner, **{**shape, **options})


def test_parameters_and_shapes():
    model = abstract(models.captioner, vocabulary=23)
    layers = {
        "stem": 24 * 27 + 2 * 24,
        "stage1": 48 * (24 * 9 + 48 * 9 + 24) + 3 * 2 * 48,
        "stage2": 96 * (48 * 9 + 96 * 9 + 48) + 3 * 2 * 96 + 2 * (96 * 96 * 9 + 2 * 96),
        "summary": 99 * 128,
        "embedding": 23 * 128,
        **dict.fromkeys(
            ("words1", "words2", "words3"),
            2 * 128 + (3 * 128 + 1) * 256 + 128 * 128 + 98 * 128 + 99 * 128,
        ),
        "hidden": 129 * 128,
        "logits": 129 * 23,
    }
    assert {name: parameters(model, name) for name in layers} == layers
    assert parameters(model) == sum(layers.values()) == 785_455
    assert model.receptive_field == 15
    found = shapes(model, 2, 64, 48, 3)
    assert found["memory"] == (2, 8, 6, 98)
    assert found["logits"] == (2, 1, 23)
    table = models.captioner.__globals__["__doc__"]
    for number in (*layers.values(), 785_455):
        if number not in (23 * 128, 23 * 129):
            assert f"{number:,}" in table


def test_words_are_those_of_a_plain_forward_pass():
    model = filled(plain.small)
    x, words = images(2, *plain.SIZE), np.array([[3, 0, 6, 1, 1], [5, 5, 2, 0, 0]])
    found = maps_of(model)(x, words)
    expected = plain.forward(arrays(model), x.astype(np.float64), words=words)
    assert found["logits"].shape == (2, 6, 7)
    assert set(found) == set(expected)
    for name, y in found.items():
        np.testing.assert_allclose(y, expected[name], rtol=1e-4, atol=2e-5, err_msg=name)
    for look in (found["look1"], found["look2"]):
        np.testing.assert_allclose(look.sum((-2, -1)), 1, rtol=1e-5)


@pytest.mark.parametrize(("layers", "kernel_size"), [(1, 2), (2, 2), (2, 3), (3, 2)])
def test_a_word_sees_so_many_before_it_and_none_after(layers, kernel_size):
    """What is given at place s is seen by the logits from s + 1 on, `receptive_field` of them."""
    model = tiny(layers=layers, kernel_size=kernel_size)
    seen, time = model.receptive_field, model.receptive_field + 4
    assert seen == 1 + (kernel_size - 1) * (2**layers - 1)
    maps, x = maps_of(model), images(9, 9, 2)
    words = np.random.default_rng(0).integers(7, size=time)
    before = maps(x, words)["logits"]
    for place in (0, 2, time - 1):
        changed = words.copy()
        changed[place] = (words[place] + 3) % 7
        moved = np.abs(np.asarray(maps(x, changed)["logits"] - before)).max(-1)
        expected = range(place + 1, min(place + 1 + seen, time + 1))
        assert np.flatnonzero(moved).tolist() == list(expected)


def test_a_sentence_side_by_side_is_the_same_word_by_word():
    model, x = tiny(), images(2, 9, 9, 2)
    words = np.random.default_rng(1).integers(7, size=(2, 5))
    whole = maps_of(model)(x, words)["logits"]
    for time in (0, 1, 3):
        begun = maps_of(model)(x, words[:, :time])["logits"]
        np.testing.assert_allclose(begun, whole[:, : time + 1], rtol=1e-4, atol=1e-5)
    none = nnx.eval_shape(lambda x: model(x), jnp.asarray(x))
    assert none.shape == (2, 1, 7)


def test_every_word_sees_the_image():
    model, x = tiny(), images(9, 9, 2)
    words, other = np.array([1, 2, 3]), x.copy()
    other[:4] += 1
    maps = maps_of(model)
    moved = np.abs(np.asarray(maps(x, words)["logits"] - maps(other, words)["logits"]))
    assert (moved.max(-1) > 1e-4).all()


def test_every_parameter_has_a_gradient():
    graph, params, rest = nnx.split(tiny(norm="group"), nnx.Param, ...)
    x, words = images(2, 9, 9, 2), np.array([[0, 1, 2, 3, 4, 5, 6]] * 2)
    with F.using(algorithm="xla"):
        gradients = jax.jit(
            jax.grad(lambda p: jnp.sum(nnx.merge(graph, p, rest)(x, words) ** 2)),
            compiler_options=QUICKLY,
        )(params)
    assert all(jnp.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: abstract(models.captioner, vocabulary=0), ValueError, "`vocabulary` must be a"),
        (
            lambda: abstract(models.captioner, vocabulary=2, kernel_size=1),
            ValueError,
            "`kernel_size` must be an int of at least 2; got 1.",
        ),
        (
            lambda: abstract(models.captioner, vocabulary=2, widths=(4,)),
            ValueError,
            "`widths` must be of the stem and a stage or more; got (4,).",
        ),
        (lambda: abstract(models.captioner, vocabulary=2, layers=0), ValueError, "`layers` must"),
        (lambda: abstract(models.captioner, vocabulary=2, kinds=0), ValueError, "`kinds` must"),
        (lambda: abstract(models.captioner, vocabulary=2, blocks=0), ValueError, "`blocks` must"),
        (
            lambda: tiny()(images(8, 8, 3)),
            ValueError,
            "`images` must be (*batch, height, width, 2)",
        ),
        (
            lambda: tiny()(images(1, 8, 8, 2), np.zeros((2, 3), int)),
            ValueError,
            "`words` must be (*batch, time), with the images' batch axes (1,); got shape (2, 3).",
        ),
        (
            lambda: tiny()(images(8, 8, 2), np.zeros(3)),
            TypeError,
            "`words` must be integers; got float32.",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()
