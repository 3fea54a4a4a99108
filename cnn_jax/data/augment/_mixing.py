"""Pictures mixed with others of the batch, and their labels with them: `mixup` and `cutmix`."""

from typing import Any

import jax
import jax.numpy as jnp

from cnn_jax import arguments
from cnn_jax.arguments import with_hints

from ._cutout import covered
from .parts.batch import Augmentation, Example, as_float, as_stored, checked, checked_key
from .parts.options import share


@with_hints
def mixup(alpha: float = 0.2, *, classes: int, probability: float = 1.0) -> Augmentation:
    """Average each picture with another one of the batch, and their labels alike.

    `image = s * image + (1 - s) * image[partner]`, and so for the labels, with a share `s` from
    Beta(alpha, alpha) for each picture. The partners are the batch in another order.

    Args:
        alpha: positive. Shares are near 0 and 1 for a small one, uniform for 1.
        classes: the number of classes.
        probability: with which a picture is mixed.

    Returns:
        `(key, batch) -> batch`. `label`, `(n,)` integers or `(n, classes)` floats, becomes the
        share of each class, `(n, classes)` float32. An integer outside of the classes has no share.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is, or it has a
            mask, boxes or keypoints, which cannot be averaged.

    References:
        Zhang et al., *mixup: Beyond Empirical Risk Minimization*, 2018, arXiv:1710.09412.

    Example:
        >>> batch = {"image": jnp.ones((2, 4, 4, 1)), "label": jnp.array([0, 1])}
        >>> mixup(0.2, classes=3)(jax.random.key(0), batch)["label"].sum(-1).tolist()
        [1.0, 1.0]
    """
    arguments.number("alpha", alpha, above=0)
    arguments.integer("classes", classes, at_least=1)
    share("probability", probability)

    @jax.jit
    def mixed_with(key, parts, labels):
        image = parts["image"]
        key, own, partner = _drawn(key, len(image), alpha, probability)
        pixels, weight = as_float(image), own[:, None, None, None]
        other = pixels[partner]
        mixed = jnp.where(weight == 1, pixels, weight * pixels + (1 - weight) * other)
        labels = own[:, None] * labels + (1 - own[:, None]) * labels[partner]
        return {"image": as_stored(mixed, image), "label": labels}

    def augment(key, batch):
        parts = _checked(batch, classes, "mixup", ("image",))
        return {**batch, **mixed_with(checked_key(key), *parts)}

    return augment


@with_hints
def cutmix(alpha: float = 1.0, *, classes: int, probability: float = 1.0) -> Augmentation:
    """Put a rectangle of another picture of the batch into each, and share the label by area.

    The rectangle has the shape of the picture and the share `1 - s` of its area, with `s` from
    Beta(alpha, alpha); its center is any pixel, and what is outside of the picture is cut off. The
    labels' shares are those of the pixels. The partners are the batch in another order.

    Args:
        alpha: positive. Shares are near 0 and 1 for a small one, uniform for 1.
        classes: the number of classes.
        probability: with which a picture is mixed.

    Returns:
        `(key, batch) -> batch`. `label`, `(n,)` integers or `(n, classes)` floats, becomes the
        share of each class, `(n, classes)` float32. A `mask` is mixed with its picture.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is, or it has
            boxes or keypoints.

    References:
        Yun et al., *CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features*, 2019, arXiv:1905.04899.

    Example:
        >>> batch = {"image": jnp.ones((2, 4, 4, 1)), "label": jnp.array([0, 1])}
        >>> cutmix(classes=2)(jax.random.key(0), batch)["label"].sum(-1).tolist()
        [1.0, 1.0]
    """
    arguments.number("alpha", alpha, above=0)
    arguments.integer("classes", classes, at_least=1)
    share("probability", probability)

    @jax.jit
    def mixed_with(key, parts, labels):
        n, height, width, _ = parts["image"].shape
        key, own, partner = _drawn(key, n, alpha, probability)
        sides = jnp.array([[height, width]])
        center = jax.random.randint(key, (n, 2), 0, sides)
        cut = sides.astype(jnp.float32) * jnp.sqrt(1 - own[:, None])
        half = cut.astype(jnp.int32) // 2
        rows, columns = (
            jax.vmap(covered, (None, 0, 0))(side, (center - half)[:, axis], 2 * half[:, axis])
            for axis, side in enumerate((height, width))
        )
        inside = rows[:, :, None] & columns[:, None]
        mixed = {
            name: jnp.where(_like(inside, part), part[partner], part)
            for name, part in parts.items()
        }
        other = inside.mean((1, 2), dtype=jnp.float32)[:, None]
        return {**mixed, "label": (1 - other) * labels + other * labels[partner]}

    def augment(key, batch):
        parts = _checked(batch, classes, "cutmix", ("image", "mask"))
        return {**batch, **mixed_with(checked_key(key), *parts)}

    return augment


def _like(pixels: jax.Array, part: jax.Array) -> jax.Array:
    """`(n, h, w)` with as many axes as a part of the batch."""
    return pixels.reshape(*pixels.shape, *(1,) * (part.ndim - 3))


def _drawn(
    key: Any, n: int, alpha: float, probability: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Another key, how much each picture keeps of itself, and which one it is mixed with."""
    key, coin, own, partner = jax.random.split(key, 4)
    kept = jax.random.beta(own, alpha, alpha, (n,), jnp.float32)
    mixed = jax.random.uniform(coin, (n,)) < probability
    return key, jnp.where(mixed, kept, 1.0), jax.random.permutation(partner, n)


def _checked(
    batch: Any, classes: int, function: str, mixes: tuple[str, ...]
) -> tuple[Example, jax.Array]:
    """What of the batch is mixed, and its labels as shares."""
    parts = checked(batch)
    if others := [name for name in parts if name not in mixes]:
        raise ValueError(f"`{function}` cannot mix {', '.join(f'`{name}`' for name in others)}.")
    if "label" not in batch:
        raise ValueError(f"`{function}` needs a `label` in the batch; got {sorted(batch)}.")
    label, n = jnp.asarray(batch["label"]), len(parts["image"])
    integers, floats = (jnp.issubdtype(label.dtype, k) for k in (jnp.integer, jnp.floating))
    if integers and label.shape == (n,):
        return parts, jax.nn.one_hot(label, classes, dtype=jnp.float32)
    if floats and label.shape == (n, classes):
        return parts, label.astype(jnp.float32)
    raise ValueError(
        f"`label` must be ({n},) integers or ({n}, {classes}) floats; "
        f"got {label.dtype} {label.shape}."
    )
