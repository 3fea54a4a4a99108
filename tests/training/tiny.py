"""A model with all that a training state can hold, and data for it: small enough to train often."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import training

CLASSES = 3


class Tiny(nnx.Module):
    """Convolution, BatchNorm, Dropout, a layer in a list, a linear classifier."""

    def __init__(self, width=4, *, rngs):
        self.conv = nnx.Conv(1, width, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(width, momentum=0.9, rngs=rngs)
        self.drop = nnx.Dropout(0.3, rngs=rngs)
        self.hidden = nnx.Sequential(nnx.Linear(width * 36, 8, rngs=rngs), nnx.relu)
        self.classify = nnx.Linear(8, CLASSES, rngs=rngs)

    def __call__(self, images):
        features = self.drop(nnx.relu(self.norm(self.conv(images))))
        return self.classify(self.hidden(features.reshape(len(features), -1)))


def optimizer():
    return optax.adamw(optax.linear_schedule(1e-2, 1e-3, transition_steps=20))


def prepare(images):
    return images.astype(jnp.float32) / 255


def start(width=4, prepare=prepare):
    """The first state of a run, `apply`, and the optimizer."""
    model = Tiny(width, rngs=nnx.Rngs(0))
    return *training.init(model, optimizer(), prepare), optimizer()


@functools.cache
def program():
    """`apply` and its step, compiled once for all tests: as functions are."""
    _, apply, optimizer = start()
    return apply, training.make_step(apply, optimizer)


def split(examples, seed=0):
    """Noisy 6x6 images whose brightest third says their class; uint8, as images are stored."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, examples)
    images = rng.integers(0, 100, (examples, 6, 6, 1))
    images += 100 * (np.arange(6)[None, :, None, None] // 2 == labels[:, None, None, None])
    return images.astype(np.uint8), labels


def linear(seed=0):
    """A linear classifier of 4 numbers under plain SGD: a step that can be done by hand."""
    model, sgd = nnx.Linear(4, CLASSES, rngs=nnx.Rngs(seed)), optax.sgd(0.1)
    return *training.init(model, sgd, lambda images: images), sgd


def numbers(examples, seed=0):
    """Vectors of 4 numbers whose largest of the first three says their class."""
    images = np.random.default_rng(seed).normal(size=(examples, 4)).astype(np.float32)
    return images, images[:, :CLASSES].argmax(-1)


def assert_same_bits(ours, theirs):
    """Same structure, dtypes and bytes: NaN equals NaN, and 0.0 is not -0.0."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for (path, one), other in zip(
        jax.tree_util.tree_leaves_with_path(ours), jax.tree.leaves(theirs), strict=True
    ):
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype, path
        assert one.shape == other.shape, path
        assert one.tobytes() == other.tobytes(), path
