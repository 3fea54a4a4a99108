"""Several augmentations as one: `chain`, `sometimes`, `choose`; for training: `prepare`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import arguments
from cnn_jax.arguments import count, shown, with_hints

from .parts.batch import Augmentation, Batch, checked_key, keys_of
from .parts.options import share


def chain(*augmentations: Augmentation) -> Augmentation:
    """Apply augmentations one after another, each with a key of its own.

    Args:
        augmentations: functions `(key, batch) -> batch`. With none it is the identity.

    Returns:
        `(key, batch) -> batch`. With None for the key all of them get None.

    Raises:
        TypeError: one is no function.

    Example:
        >>> from cnn_jax.data import augment
        >>> both = augment.chain(augment.flip(), augment.pad_crop(4))
        >>> both(jax.random.key(0), {"image": jnp.ones((8, 32, 32, 3))})["image"].shape
        (8, 32, 32, 3)
    """
    for augmentation in augmentations:
        arguments.function("augmentations", augmentation, "(key, batch)")

    def augment(key, batch):
        batch = dict(batch)
        for number, augmentation in enumerate(augmentations):
            own = None if key is None else jax.random.fold_in(checked_key(key), number)
            batch = augmentation(own, batch)
        return batch

    return augment


@with_hints
def sometimes(augmentation: Augmentation, probability: float = 0.5) -> Augmentation:
    """Keep what an augmentation does to an example with some probability, else the example.

    Args:
        augmentation: a function `(key, batch) -> batch` that keeps shapes and dtypes.
        probability: in `[0, 1]`.

    Returns:
        `(key, batch) -> batch`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, a shape or dtype changes.

    Example:
        >>> from cnn_jax.data import augment
        >>> turned = augment.sometimes(augment.rotate(15), 0.3)
        >>> turned(jax.random.key(0), {"image": jnp.ones((8, 32, 32, 3))})["image"].shape
        (8, 32, 32, 3)
    """
    arguments.function("augmentation", augmentation, "(key, batch)")
    share("probability", probability)

    def augment(key, batch):
        coin, key = jax.random.split(checked_key(key))
        n = len(batch["image"])
        do = jax.vmap(jax.random.uniform)(keys_of(coin, n)) < probability
        old, new = dict(batch), augmentation(key, batch)
        for name in ("boxes_valid", "keypoints_visible"):
            if name in new and name not in old:
                old[name] = jnp.ones_like(new[name])
        for name in [name for name in new if new[name] is not old.get(name)]:
            before, after = jnp.asarray(old[name]), new[name]
            if before.shape != after.shape or before.dtype != after.dtype:
                raise ValueError(
                    f"`augmentation` must keep `{name}` as it is to be applied sometimes; "
                    f"{before.dtype} {before.shape} became {after.dtype} {after.shape}."
                )
            old[name] = jnp.where(do.reshape(-1, *(1,) * (after.ndim - 1)), after, before)
        return old

    return augment


@with_hints
def choose(
    *augmentations: Augmentation, probabilities: Sequence[float] | None = None
) -> Augmentation:
    """Apply one of several augmentations to the whole batch; only that one is computed.

    Args:
        augmentations: functions `(key, batch) -> batch` whose results have the same shapes and
            dtypes, as those of `mixup` and `cutmix`.
        probabilities: one for each, with sum 1; None: all equal.

    Returns:
        `(key, batch) -> batch`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the results differ.

    Example:
        >>> from cnn_jax.data import augment
        >>> mix = augment.choose(augment.mixup(classes=10), augment.cutmix(classes=10))
        >>> batch = {"image": jnp.ones((8, 4, 4, 3)), "label": jnp.arange(8)}
        >>> mix(jax.random.key(0), batch)["label"].shape
        (8, 10)
    """
    if not augmentations:
        raise TypeError("`augmentations` must have at least one.")
    for augmentation in augmentations:
        arguments.function("augmentations", augmentation, "(key, batch)")
    if probabilities is None:
        probabilities = [1 / len(augmentations)] * len(augmentations)
    ends = np.cumsum([share("probabilities", entry) for entry in probabilities])
    if len(ends) != len(augmentations) or abs(ends[-1] - 1) > 1e-6:
        raise ValueError(
            f"`probabilities` must be {count(len(augmentations), 'number')} with sum 1; got "
            f"{shown(probabilities)}."
        )

    def augment(key, batch):
        coin, key = jax.random.split(checked_key(key))
        which = jnp.searchsorted(np.float32(ends[:-1]), jax.random.uniform(coin), side="right")
        flags = {"boxes": "boxes_valid", "keypoints": "keypoints_visible"}
        batch = {name: jnp.asarray(part) for name, part in batch.items()}
        for name, flag in flags.items():  # which some add and others do not
            if name in batch and flag not in batch:
                batch[flag] = jnp.ones(batch[name].shape[:2], jnp.bool_)
        return lax.switch(which, augmentations, key, batch)

    return augment


@with_hints
def prepare(
    augmentation: Augmentation | None = None,
    *,
    evaluation: Augmentation | None = None,
    then: Augmentation | None = None,
) -> Callable[[Batch, Any], dict[str, Any]]:
    """Return augmentations in the form that training takes: augmented when there is a key.

    Args:
        augmentation: what happens to a batch in training: `(key, batch) -> batch`.
        evaluation: what happens instead where there is no key; it draws nothing.
        then: what happens to every batch after that, such as `normalize`; it draws nothing.

    Returns:
        `(batch, key) -> batch`, where the key may be None.

    Raises:
        TypeError: an argument is no function.

    Example:
        >>> from cnn_jax.data import augment
        >>> ready = augment.prepare(augment.flip(), then=augment.normalize(0.5, 0.5))
        >>> batch = {"image": jnp.zeros((1, 2, 2, 1), jnp.uint8)}
        >>> ready(batch, None)["image"].ravel().tolist()
        [-1.0, -1.0, -1.0, -1.0]
    """
    given = {"augmentation": augmentation, "evaluation": evaluation, "then": then}
    for name, part in given.items():
        if part is not None:
            arguments.function(name, part, "(key, batch)")

    def ready(batch, key=None):
        for own, part in ((key, evaluation if key is None else augmentation), (None, then)):
            batch = batch if part is None else part(own, batch)
        return dict(batch)

    return ready
