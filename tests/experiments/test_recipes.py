"""Recipes: the network of each fits its images and makes a step, in shapes alone."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tyro
from flax import nnx

from cnn_jax import data, training
from cnn_jax.tasks import classification
from experiments import train
from experiments.data import augmentations, labeled
from experiments.running import books, networks, recipes
from experiments.running.recipes import RECIPES

SHAPES = {
    "fashion_mnist_small": (28, 28, 1),
    "fashion_mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "imagenet2012": (256, 256, 3),
}
# For images of one channel and ten classes; the tests of the networks count them by hand.
PARAMETERS = {
    "d2l_lenet": 61_706,
    "d2l_vgg11": 43_093_322,
    "d2l_lenet_batch_norm": 61_706 + 2 * (6 + 16 + 120 + 84),
    "d2l_densenet": 757_322,
}


README = Path(train.__file__).with_name("README.md")
BOOKS = README.read_text().partition("\n## The books\n")[2].partition("\n## ")[0]
COMMANDS = sorted(set(re.findall(r"`python -m experiments\.(\w+) ?([^`]*)`", BOOKS)))
# A recipe with nothing besides is tested above.
COMMANDS = [(name, o) for name, o in COMMANDS if o.removeprefix("--preset ") not in RECIPES]


def parts(config):
    """Two black images as a run gets them, its augmentation and its network."""
    height, width, channels = SHAPES[config.dataset]
    side = (config.size or height, config.size or width)
    images = np.zeros((2, *side, channels), np.uint8)
    split = data.Dataset(images, np.array([3, 1], np.int32), tuple("abcdefghij"))
    augmentation = augmentations.augmentation(config.augment, 10)
    return split, augmentation, train.network_of(config, split, augmentation)


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_of_a_recipe_makes_a_step(name, monkeypatch):
    monkeypatch.setattr(networks.Network, "_try", lambda *_: None)  # which is traced below
    config = train.preset(name)
    split, augmentation, network = parts(config)
    optimizer = config.plan.make(config.run_epochs, 10)
    dtype = None if config.dtype == "float32" else jnp.dtype(config.dtype)

    def one_step(batch):
        model = network.make(config.seed)
        state, apply = training.init(model, optimizer, dtype=dtype)
        prepare = network.prepare(augmentation)
        step = training.make_step(apply, optimizer, classification.loss(), prepare=prepare)
        after, metrics = step(state, batch, jax.random.key(0))
        outputs, _ = apply(after.params, after.stats, network.prepare()(batch, None))
        return outputs, state.params, after.params, metrics

    batch = {"image": split.images, "label": split.labels}
    logits, before, after, metrics = jax.eval_shape(one_step, batch)
    assert logits.shape == (2, 10)
    assert before == after
    assert metrics["loss"].shape == ()
    if name in PARAMETERS:
        assert sum(leaf.size for leaf in jax.tree.leaves(before)) == PARAMETERS[name]


def test_recipes_of_the_book_are_its_options():
    for name in books.RECIPES:
        config = train.preset(name)
        assert (config.dataset, config.epochs, config.augment) == ("fashion_mnist", 10, ())
        assert (config.weight_decay, config.label_smoothing, config.average) == (0, 0, 0)
        # Plain gradient descent: p - rate * g, at the first step as at the last.
        optimizer = config.plan.make(config.epochs, 1)
        params = {"kernel": np.ones(3, np.float32)}
        state = optimizer.init(params)
        for _ in range(config.epochs):
            updates, state = optimizer.update({"kernel": np.full(3, 2, np.float32)}, state, params)
            np.testing.assert_allclose(updates["kernel"], -2 * config.learning_rate, rtol=1e-6)


def test_images_are_enlarged_and_streamed_where_they_are_many(monkeypatch):
    options = {"size": 96, "most": 20}
    inside = labeled.opened("fashion_mnist_small", "test", **options)
    assert inside.images.shape == (20, 96, 96, 1)
    monkeypatch.setattr(labeled, "IN_MEMORY", 20 * 96 * 96 - 1)
    stream = labeled.opened("fashion_mnist_small", "test", **options)
    assert isinstance(stream, data.Source)
    for index in (0, 19):
        np.testing.assert_array_equal(stream[index]["image"], inside.images[index])
    # Means of 4x4 blocks are near the pixels of the smaller image of 24x24 that they enlarge.
    small = labeled.opened("fashion_mnist_small", "test", size=24, most=20).images.astype(float)
    means = inside.images.reshape(20, 24, 4, 24, 4, 1).mean((2, 4))
    assert np.corrcoef(means.ravel(), small.ravel())[0, 1] > 0.98


def test_every_recipe_of_the_book_is_in_its_table():
    for name in books.RECIPES:
        assert f"`python -m experiments.train --preset {name}`" in BOOKS


@pytest.mark.parametrize(("experiment", "options"), COMMANDS)
def test_a_command_beside_a_published_figure_is_understood(experiment, options):
    words = shlex.split(options)
    if experiment == "train":
        network = parts(recipes.parse("", words))[2]
        assert nnx.eval_shape(network.make)
    else:
        config = tyro.cli(import_module(f"experiments.{experiment}").Config, args=words)
        assert getattr(config, "dataset", "mnist1d") in {*SHAPES, "mnist1d"}
