"""A model with all that a training state can hold, and data for it: small enough to train often."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import training
from cnn_jax.tasks import classification

CLASSES = 3
LOSS = classification.loss()
KEY = jax.random.key(5)


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


def prepare(batch, key=None):
    return {**batch, "image": batch["image"].astype(jnp.float32) / 255}


def start(width=4, **options):
    """The first state of a run."""
    return training.init(Tiny(width, rngs=nnx.Rngs(0)), optimizer(), **options)[0]


@functools.cache
def program():
    """`apply` and a step of it: made once for all tests, as functions are."""
    _, apply = training.init(Tiny(rngs=nnx.Rngs(0)), optimizer())
    return apply, jax.jit(training.make_step(apply, optimizer(), LOSS, prepare=prepare))


def split(examples, seed=0):
    """Noisy 6x6 images whose brightest third says their class; uint8, as images are stored."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, examples).astype(np.int32)
    images = rng.integers(0, 100, (examples, 6, 6, 1))
    images += 100 * (np.arange(6)[None, :, None, None] // 2 == labels[:, None, None, None])
    return {"image": images.astype(np.uint8), "label": labels}


def records(examples, seed=0):
    """The same, an example at a time."""
    arrays = split(examples, seed)
    return [{name: array[i] for name, array in arrays.items()} for i in range(examples)]


def linear(seed=0, optimizer=None):
    """A linear classifier of 4 numbers under plain SGD: a step that can be done by hand."""
    optimizer = optimizer or optax.sgd(0.1)
    state, apply = training.init(nnx.Linear(4, CLASSES, rngs=nnx.Rngs(seed)), optimizer)
    return state, apply, jax.jit(training.make_step(apply, optimizer, LOSS))


def numbers(examples, seed=0):
    """Vectors of 4 numbers whose largest of the first three says their class."""
    images = np.random.default_rng(seed).normal(size=(examples, 4)).astype(np.float32)
    return {"image": images, "label": images[:, :CLASSES].argmax(-1).astype(np.int32)}


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def without_seconds(records):
    """What must be equal in two runs."""
    return [{n: v for n, v in record.items() if n != "seconds"} for record in records]


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
