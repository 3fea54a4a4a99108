"""What judges made garments: a classifier of real ones, whose features are compared."""

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import models, training
from cnn_jax.data import Dataset
from cnn_jax.tasks import classification, synthesis

FEATURES = 84  # of a LeNet: its last hidden layer
AT_ONCE = 250  # images
STEPS = 1500  # of training, on 64 images each: 16 passes over 6,000


class Judge:
    """A LeNet that knows the classes, trained on the same data, always from the same seed.

    So all runs on the same data are measured in the same features, whatever their own seed.

    Args:
        train: real images to learn from.
        held_out: real images that made ones are compared with.
        file: where the weights are kept; read if it is there.
        steps: of training.

    Attributes:
        accuracy: of the classes of the held-out images.
    """

    def __init__(self, train: Dataset, held_out: Dataset, file: Path, steps: int = STEPS):
        model = models.lenet(num_classes=len(train.classes), in_channels=1, rngs=nnx.Rngs(0))
        if file.exists():
            models.load_weights(model, file)
            model.eval()
        else:
            model = trained(model, train, steps)
            if jax.process_index() == 0:
                models.save_weights(model, file)
        graph, arrays = nnx.split(model)

        @jax.jit
        def look(images):
            maps = nnx.merge(graph, arrays).feature_maps(images * 2 - 1)
            return maps["dense2"], jax.nn.softmax(maps["logits"])

        self._look, self._total = look, synthesis.moments(FEATURES)
        self._add, images = jax.jit(self._total.add), held_out.images.astype(np.float32) / 255
        features, self.real = self.look(images)
        self.held_out = self.moments(features)
        self.halves = [self.moments(half) for half in (features[::2], features[1::2])]
        self.accuracy = float((self.real.argmax(1) == held_out.labels).mean())

    def look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, 84) and probabilities (n, classes) of images (n, 28, 28, 1) in [0, 1]."""
        seen = [jax.device_get(self._look(part)) for part in parts(images)]
        features, probabilities = zip(*seen)
        return np.concatenate(features), np.concatenate(probabilities)

    def moments(self, features: np.ndarray) -> synthesis.Moments:
        """Mean and covariance of features."""
        total = self._total.start()
        for part in parts(features):
            total = self._add(total, part, {})
        return self._total.result(jax.device_get(total))

    def between_halves(self) -> float:
        """The Frechet distance of one half of the held-out images from the other."""
        return synthesis.frechet_distance(*self.halves)

    def measure(self, images: np.ndarray) -> dict[str, float]:
        """How like the held-out images these are, by name.

        Returns:
            frechet_distance: between the features of both. confidence: the mean probability of an
            image's most likely class. rarest_class: the share of the class that is seen least.
        """
        features, probabilities = self.look(images)
        distance = synthesis.frechet_distance(self.moments(features), self.held_out)
        counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
        return {
            "frechet_distance": distance,
            "confidence": float(probabilities.max(1).mean()),
            "rarest_class": float(counts.min() / len(images)),
        }


def parts(array: np.ndarray) -> list[np.ndarray]:
    """An array in parts of 250, the last one perhaps shorter."""
    return [array[at : at + AT_ONCE] for at in range(0, len(array), AT_ONCE)]


def trained(model: models.LeNet, train: Dataset, steps: int) -> models.LeNet:
    """Train a classifier with AdamW and a one-cycle schedule, in `steps` steps."""
    schedule = optax.cosine_onecycle_schedule(steps, 3e-3)
    optimizer = optax.adamw(schedule, weight_decay=0.05)
    state, apply = training.init(model, optimizer)

    def prepare(batch, key):
        return {**batch, "image": batch["image"].astype(jnp.float32) / 127.5 - 1}

    step = jax.jit(training.make_step(apply, optimizer, classification.loss(), prepare=prepare))
    key, rng = jax.random.key(0), np.random.default_rng(0)
    for number in range(steps):
        rows = rng.integers(0, len(train), 64)
        batch = {"image": train.images[rows], "label": train.labels[rows]}
        state, _ = step(state, batch, jax.random.fold_in(key, number))
    return training.trained(model, state)


def normal(images: np.ndarray, count: int) -> np.ndarray:
    """Draw images of the normal distribution of all pixels together, clipped to [0, 1].

    Args:
        images: (n, height, width, 1), in [0, 1]; the distribution has their mean and covariance,
            all principal components.
        count: how many to draw.
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    drawn = np.random.default_rng(0).normal(size=(count, len(values)))
    drawn = drawn * np.sqrt(np.maximum(values, 0)) @ vectors.T + flat.mean(0)
    return np.clip(drawn, 0, 1).reshape(count, *images.shape[1:]).astype(np.float32)


def nearest(images: np.ndarray, among: np.ndarray, each: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of other images by their pixels.

    Args:
        images: (n, ...).
        among: (m, ...).
        each: how many of those for every image.

    Returns:
        Their indices (n, each), the nearest first, and the distances: the root of the mean squared
        difference of pixels.

    Example:
        >>> nearest(np.zeros((1, 4)), np.array([[2.0] * 4, [1] * 4]), 1)
        (array([[1]]), array([[1.]]))
    """
    one, other = (a.reshape(len(a), -1).astype(np.float64) for a in (images, among))
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    order = np.argpartition(squares, range(each), axis=1)[:, :each]
    found = np.maximum(np.take_along_axis(squares, order, 1), 0) / one.shape[1]
    return order, np.sqrt(found)


def baselines(
    judge: Judge, train: np.ndarray, held_out: np.ndarray, made: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """What the numbers of a network are read beside.

    Args:
        judge: of images.
        train: real images in [0, 1].
        held_out: likewise.
        made: `normal`, the baseline, and `noise`: as many images as of the network.
    """
    count = len(made["normal"])
    rows = np.random.default_rng(1).choice(len(train), min(count, len(train)), replace=False)
    real, noise = judge.measure(train[rows]), judge.measure(made["noise"])
    few = held_out[:AT_ONCE]
    return {
        **judge.measure(made["normal"]),
        "nearest": float(nearest(made["normal"][:AT_ONCE], train, 1)[1].mean()),
        "frechet_distance of noise": noise["frechet_distance"],
        "confidence of noise": noise["confidence"],
        "frechet_distance of training images": real["frechet_distance"],
        "frechet_distance of two halves": judge.between_halves(),
        "confidence of held-out images": float(judge.real.max(1).mean()),
        "nearest of held-out images": float(nearest(few, train, 1)[1].mean()),
    }
