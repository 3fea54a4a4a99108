"""Networks that sections train: a few epochs on the images that come with the package."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from cnn_jax import data, models, nn, training
from cnn_jax.data import augment
from cnn_jax.tasks import classification

normal = nn.flat(nnx.initializers.normal(1.0))  # (key, shape) -> standard normal numbers
scaled = augment.normalize(0.2860, 0.3530)  # mean and deviation of Fashion-MNIST's pixels


def trained(
    model: nnx.Module,
    train: Any,
    test: Any,
    *,
    epochs: int,
    batch_size: int = 100,
    rate: float = 3e-3,
    decay: float = 0.0,
    prepare: Callable[[Any, jax.Array | None], Any] = training.unprepared,
) -> tuple[Any, list[training.Record]]:
    """Train a classifier with AdamW and a one-cycle schedule.

    Args:
        model: it stays as it is.
        train: its data, as `training.batches` takes them.
        test: the data that it is measured on after each epoch.
        epochs: passes over the training data.
        batch_size: examples of a step.
        rate: the largest learning rate.
        decay: the weight decay of AdamW.
        prepare: from stored images to what the model takes; augments if there is a key.

    Returns:
        The trained model in evaluation mode, and the record of each epoch.
    """
    batches, held_out = training.batches(train, batch_size), training.batches(test, 250)
    schedule = optax.cosine_onecycle_schedule(epochs * batches.steps, rate)
    optimizer = optax.adamw(schedule, weight_decay=decay)
    loss = classification.loss()
    state, apply = training.init(model, optimizer)
    step = training.make_step(apply, optimizer, loss, prepare=prepare)
    evaluate = {"test": training.make_evaluate(apply, loss, held_out, prepare=prepare)}
    run = training.fit(
        state, step, batches, epochs=epochs, key=jax.random.key(0), evaluate=evaluate
    )
    records = []
    for record, state in run:
        records.append(record)
        last = training.trained(model, state) if record["epoch"] == epochs else None
    return last, records


def garments(split: str, number: int | None = None) -> data.Dataset:
    """The first so many of the images of Fashion-MNIST that come with the package, or all."""
    whole = data.load("fashion_mnist_small", split)
    return data.Dataset(whole.images[:number], whole.labels[:number], whole.classes)


def pixels(images: Any) -> jax.Array:
    """Images as a network is given them."""
    return augment.prepare(then=scaled)({"image": np.asarray(images)}, None)["image"]


@functools.cache
def lenet() -> tuple[Any, Any, list[training.Record]]:
    """LeNet-5 before and after 10 epochs of 6,000 garments, and their records."""
    model = models.lenet(rngs=nnx.Rngs(0))
    prepare = augment.prepare(then=scaled)
    after, records = trained(model, garments("train"), garments("test"), epochs=10, prepare=prepare)
    before = nnx.clone(model)
    before.eval()
    return before, after, records
