"""A detector from before deep networks: a window that slides over an image pyramid.

A LeNet learns to tell what a square of 28 x 28 pixels shows: one of the classes, or nothing that
fills it. It then looks at squares of several sizes everywhere in a picture. What it is sure of is a
box, and non-maximum suppression thins them out (Rowley, Baluja and Kanade 1998, *Neural
network-based face detection*).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models, training
from cnn_jax.tasks import classification, detection

SIDE = 28  # of what the LeNet sees
PADDED = 1.1  # a square is so much larger than the longer side of a box
FAR = 0.3  # a square that overlaps every true box by less shows nothing
STEP = 6  # windows of a square's side: by how much the next one is moved
KEPT = 100  # boxes of a picture


def squares(images: jax.Array, boxes: jax.Array) -> jax.Array:
    """Cut squares (n, k, 4) out of images (n, h, w, c), as (n, k, 28, 28, c)."""
    places = (jnp.arange(SIDE, dtype=jnp.float32) + 0.5) / SIDE
    low, size = boxes[..., :2], boxes[..., 2:] - boxes[..., :2]
    axes = [
        low[..., axis, None] + size[..., axis, None] * places[None, None] - 0.5 for axis in (0, 1)
    ]
    shape = (*axes[0].shape, SIDE)
    rows = jnp.broadcast_to(axes[0][..., :, None], shape)
    columns = jnp.broadcast_to(axes[1][..., None, :], shape)
    return F.sample(images, jnp.stack([rows, columns], -1), padding_mode="replicate")


def examples(truth: Any, key: jax.Array, classes: int) -> dict[str, jax.Array]:
    """Squares around objects and anywhere, with their classes; `classes` is for nothing."""
    n, m = truth["classes"].shape
    size = truth["image"].shape[1]
    drawn = jax.random.uniform(key, (2, n, m, 3))
    low, high = truth["boxes"][..., :2], truth["boxes"][..., 2:]
    longer = (high - low).max(-1, keepdims=True)
    half = PADDED * longer / 2 * (0.9 + 0.2 * drawn[0, ..., 2:])
    center = (low + high) / 2 + (drawn[0, ..., :2] - 0.5) * 0.2 * longer
    around = jnp.concatenate([center - half, center + half], -1)
    half = size * (0.15 + 0.2 * drawn[1, ..., 2:])
    center = size * drawn[1, ..., :2]
    anywhere = jnp.concatenate([center - half, center + half], -1)
    squared = jnp.concatenate([(low + high) / 2 - longer / 2, (low + high) / 2 + longer / 2], -1)
    overlap = jax.vmap(detection.overlaps)(anywhere, squared)
    clear = (jnp.where(truth["boxes_valid"][:, None], overlap, 0) < FAR).all(-1)
    labels = jnp.concatenate([truth["classes"], jnp.full((n, m), classes)], 1).astype(jnp.int32)
    return {
        "image": squares(truth["image"], jnp.concatenate([around, anywhere], 1)).reshape(
            -1, SIDE, SIDE, truth["image"].shape[-1]
        ),
        "label": labels.reshape(-1),
        "counts": jnp.concatenate([truth["boxes_valid"], clear], 1).reshape(-1),
    }


def train(
    truth: Any, seen: Callable[[Any], Any], classes: int, *, steps: int, seed: int
) -> Callable[[jax.Array], jax.Array]:
    """Train a LeNet on squares of scenes, and return `images -> logits`.

    Args:
        truth: the scenes, as NumPy arrays.
        seen: from scenes to what networks see of them.
        classes: of the objects.
        steps: of AdamW, with a one-cycle schedule, each on squares of 16 scenes.
        seed: of everything drawn.
    """
    model = models.lenet(num_classes=classes + 1, in_channels=3, rngs=nnx.Rngs(seed))
    optimizer = optax.adamw(optax.cosine_onecycle_schedule(steps, 5e-3), weight_decay=0.05)
    state, apply = training.init(model, optimizer)
    entropy = classification.loss()

    def loss(outputs, batch):
        losses, _ = entropy(outputs, batch)
        return jnp.where(batch["counts"], losses, 0), {}

    def prepare(batch, key):
        return examples(seen(batch), key, classes)

    step = jax.jit(training.make_step(apply, optimizer, loss, prepare=prepare))
    key, rng = jax.random.key(seed), np.random.default_rng(seed)
    for number in range(steps):
        rows = rng.integers(0, len(truth["boxes"]), 16)
        batch = {name: array[rows] for name, array in truth.items()}
        state, _ = step(state, batch, jax.random.fold_in(key, number))
    return lambda images: apply(state.params, state.stats, {"image": images})[0]


def windows(size: int, smallest: float, largest: float) -> np.ndarray:
    """All squares of an image pyramid, (k, 4): four scales, a sixth of a side apart."""
    found = []
    for side in np.geomspace(smallest, largest, 4):
        first = np.arange(-side / STEP, size - side * (1 - 1 / STEP) + 1, side / STEP)
        rows, columns = np.meshgrid(first, first, indexing="ij")
        low = np.stack([rows.ravel(), columns.ravel()], -1)
        found.append(np.concatenate([low, low + side], -1))
    return np.concatenate(found).astype(np.float32)


def detect(
    logits: Callable[[jax.Array], jax.Array], images: jax.Array, shapes: np.ndarray, at: np.ndarray
) -> dict[str, Any]:
    """Slide over images (n, size, size, 3): boxes, scores and classes, as `detection.decode`.

    Args:
        logits: from `train`.
        images: as the network sees them.
        shapes: (classes, 2): the mean height and width of each class's boxes, of a longer side 1.
        at: from `windows`.
    """
    boxes = jnp.asarray(at)

    @jax.jit
    def one(image):
        seen = squares(image[None], boxes[None])[0]
        scores = jax.nn.softmax(logits(seen))[:, :-1]
        top, places = jax.lax.top_k(scores.reshape(-1), KEPT)
        cell, kinds = places // scores.shape[1], places % scores.shape[1]
        low, high = boxes[cell, :2], boxes[cell, 2:]
        half = (high - low) / PADDED / 2 * jnp.asarray(shapes, jnp.float32)[kinds]
        center = (low + high) / 2
        said = jnp.clip(jnp.concatenate([center - half, center + half], -1), 0, image.shape[0])
        found = {"boxes": said, "scores": top, "classes": kinds.astype(jnp.int32)}
        thinned = detection.nms(jax.tree.map(lambda a: a[None], found), overlap=0.3)
        return jax.tree.map(lambda a: a[0], thinned)

    found = [jax.device_get(one(image)) for image in images]
    return jax.tree.map(lambda *parts: np.stack(parts), *found)


def shapes_of(truth: Any, classes: int) -> np.ndarray:
    """The mean height and width of each class's boxes, with a longer side of 1: (classes, 2)."""
    size = truth["boxes"][..., 2:] - truth["boxes"][..., :2]
    size = size / np.maximum(size.max(-1, keepdims=True), 1)
    made = [size[truth["boxes_valid"] & (truth["classes"] == kind)] for kind in range(classes)]
    return np.stack([part.mean(0) if len(part) else np.ones(2) for part in made])
