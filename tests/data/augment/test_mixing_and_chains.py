"""Labels are mixed as pictures are; a chain gives each a key; `prepare` augments with a key."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.data import augment

from .cases import KEY, noise, scene

CLASSES = 5
LABEL = np.arange(40) % CLASSES
PICTURES = np.eye(CLASSES, dtype=np.float32)[LABEL][:, None, None] * np.ones((1, 8, 10, 1))
PURE = {"image": jnp.asarray(PICTURES, jnp.float32), "label": jnp.asarray(LABEL)}
"""Channel c is 1 where the label is c, so that the mean picture is the share of each class."""


@pytest.mark.parametrize("function", [augment.mixup, augment.cutmix])
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_of_labels_are_those_of_pictures(function, alpha):
    batch = {**PURE, "mask": PURE["image"].astype(jnp.int32)}
    batch = batch if function is augment.cutmix else PURE
    result = function(alpha, classes=CLASSES)(KEY, batch)
    np.testing.assert_allclose(result["image"].mean((1, 2)), result["label"], atol=1e-5)
    np.testing.assert_allclose(result["label"].sum(-1), 1, atol=1e-6)
    assert ((result["label"] > 0).sum(-1) == 2).mean() > 0.3
    if "mask" in batch:
        np.testing.assert_array_equal(result["mask"], result["image"].astype(np.int32))
    shares = {**PURE, "label": jax.nn.one_hot(PURE["label"], CLASSES)}
    again = function(alpha, classes=CLASSES)(KEY, shares)
    np.testing.assert_array_equal(again["label"], result["label"])


@pytest.mark.parametrize("function", [augment.mixup, augment.cutmix])
def test_with_no_probability_only_labels_become_shares(function):
    batch = noise(n=6)
    result = function(1.0, classes=CLASSES, probability=0.0)(KEY, batch)
    np.testing.assert_array_equal(result["image"], batch["image"])
    np.testing.assert_array_equal(result["label"], np.eye(CLASSES)[np.asarray(batch["label"])])


def test_the_share_of_mixup_is_uniform_for_1():
    n = 2000
    batch = {"image": jnp.zeros((n, 1, 1, 1)), "label": jnp.arange(n)}
    label = np.asarray(augment.mixup(1.0, classes=n)(KEY, batch)["label"])
    own = label[np.arange(n), np.arange(n)]
    assert np.abs(np.quantile(own, [0.25, 0.5, 0.75]) - [0.25, 0.5, 0.75]).max() < 0.05
    assert (label.sum(0) > 0).all()


def test_a_patch_of_cutmix_is_one_rectangle():
    images = np.asarray(augment.cutmix(classes=CLASSES)(KEY, PURE)["image"])
    foreign = images[np.arange(40), ..., LABEL] == 0
    rows, columns = foreign.any(2), foreign.any(1)
    np.testing.assert_array_equal(foreign, rows[:, :, None] & columns[:, None])
    assert (np.abs(np.diff(rows.astype(int), axis=1)).sum(1) <= 2).all()


def test_a_chain_gives_each_its_own_key():
    drawn = augment.per_example(
        lambda key, example: {"image": example["image"] + jax.random.uniform(key)}
    )
    batch = {"image": jnp.zeros((3, 1, 1, 1))}
    once, twice = (augment.chain(*[drawn] * k)(KEY, batch)["image"].ravel() for k in (1, 2))
    assert (np.abs(twice - 2 * once) > 1e-3).all()


def test_sometimes_is_for_each_example():
    batch = noise(n=400, size=(2, 2))
    changed = augment.sometimes(augment.flip(1.0), 0.25)(KEY, batch)["image"]
    flipped = (changed == batch["image"][:, :, ::-1]).all((1, 2, 3))
    kept = (changed == batch["image"]).all((1, 2, 3))
    assert (flipped | kept).all()
    assert abs(flipped.mean() - 0.25) < 0.09
    boxes = augment.sometimes(augment.rotate(90), 0.5)(KEY, scene())
    assert boxes["boxes_valid"].dtype == bool


def test_one_is_chosen_for_the_whole_batch():
    batch = noise(n=6)
    pick = augment.choose(augment.flip(1.0), augment.flip(0.0), probabilities=(0.2, 0.8))
    images = jax.vmap(lambda key: pick(key, batch)["image"])(jax.random.split(KEY, 300))
    flipped = (images == batch["image"][None, :, :, ::-1]).all((1, 2, 3, 4))
    kept = (images == batch["image"][None]).all((1, 2, 3, 4))
    assert (flipped | kept).all()
    assert abs(flipped.mean() - 0.2) < 0.1


def test_prepare_augments_when_there_is_a_key():
    batch = noise(n=4)
    then = augment.normalize(0.5, 0.25)
    ready = augment.prepare(augment.flip(1.0), evaluation=augment.center_crop(8), then=then)
    trained = jax.jit(ready)(batch, KEY)["image"]
    expected = (np.asarray(batch["image"], np.float32) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(trained, expected[:, :, ::-1], atol=1e-5)
    evaluated = jax.jit(ready)(batch, None)["image"]
    np.testing.assert_allclose(evaluated, expected[:, 2:10, 2:10], atol=1e-5)
    assert augment.prepare()(batch, KEY).keys() == batch.keys()


def test_data_is_imported_without_jax():
    code = (
        "import sys; from cnn_jax import data; assert 'jax' not in sys.modules; "
        "assert 'augment' in dir(data); data.augment.flip; from cnn_jax.data import augment"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    with pytest.raises(AttributeError, match="no attribute 'augmented'"):
        __import__("cnn_jax.data").data.augmented  # noqa: B018
