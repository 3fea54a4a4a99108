"""Augmentations by name, as the command line gives them: `flip pad_crop=4 mixup=0.2`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cnn_jax import arguments
from cnn_jax.data import augment
from experiments.running.options import RunError, said_of


class Kind(NamedTuple):
    """What a name means: a number and the number of classes make an augmentation."""

    make: Callable[[Any, int], augment.Augmentation]
    number: float | None  # if none is given; None: one must be
    what: str


KINDS = {
    "flip": Kind(lambda v, _: augment.flip(v), 0.5, "left and right, with this probability"),
    "pad_crop": Kind(lambda v, _: augment.pad_crop(v), 4, "shift by so many pixels, black enters"),
    "reflect_crop": Kind(
        lambda v, _: augment.pad_crop(v, padding_mode="reflect"), 4, "the same, mirrored pixels"
    ),
    "random_resized_crop": Kind(
        lambda v, _: augment.random_resized_crop(v), None, "a part, brought to this size"
    ),
    "cutout": Kind(lambda v, _: augment.cutout(v), 8, "a black square of this side"),
    "color_jitter": Kind(
        lambda v, _: augment.color_jitter(brightness=v, contrast=v, saturation=v),
        0.4,
        "brightness, contrast and saturation, by this share",
    ),
    "rotate": Kind(lambda v, _: augment.rotate(v), 15, "by so many degrees either way"),
    "affine": Kind(
        lambda v, _: augment.affine(v, translate=0.1, scale=(0.9, 1.1)),
        10,
        "rotate by so many degrees, shift and scale by a tenth",
    ),
    "perspective": Kind(lambda v, _: augment.perspective(v), 0.5, "of this distortion"),
    "rand_augment": Kind(
        lambda v, _: augment.rand_augment(magnitude=v), 9, "2 operations of this magnitude"
    ),
    "mixup": Kind(lambda v, n: augment.mixup(v, classes=n), 0.2, "pairs averaged, with this alpha"),
    "cutmix": Kind(lambda v, n: augment.cutmix(v, classes=n), 1.0, "pairs cut together; alpha"),
}
MIXING = ("mixup", "cutmix")  # of both, each batch gets one


def augmentation(texts: Sequence[str], classes: int) -> augment.Augmentation | None:
    """Make one augmentation of several, which follow one another.

    Args:
        texts: such as `("flip", "pad_crop=4")`.
        classes: of the data.

    Returns:
        A function `(key, batch) -> batch`; None for no texts.

    Raises:
        RunError: a text cannot be understood.

    Example:
        >>> augmentation(["flop"], 10)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        experiments.running.options.RunError: `--augment` must be one of ...; got 'flop'...
    """
    parsed = [_parsed(text, classes) for text in texts]
    mixing = [made for name, made in parsed if name in MIXING]
    chain = [made for name, made in parsed if name not in MIXING]
    if mixing:
        chain.append(mixing[0] if len(mixing) == 1 else augment.choose(*mixing))
    return augment.chain(*chain) if chain else None


def shape_after(made: augment.Augmentation | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an image after an augmentation.

    Example:
        >>> shape_after(augmentation(["random_resized_crop=24"], 10), (32, 32, 3))
        (24, 24, 3)
    """
    if made is None:
        return shape
    batch = {
        "image": jax.ShapeDtypeStruct((2, *shape), jnp.uint8),
        "label": jax.ShapeDtypeStruct((2,), jnp.int32),
    }
    with said_of(image="--augment"):
        return jax.eval_shape(made, jax.random.key(0), batch)["image"].shape[1:]


def _parsed(text: str, classes: int) -> tuple[str, augment.Augmentation]:
    name, equals, value = text.partition("=")
    with said_of(name="--augment"):
        arguments.one_of("name", name, KINDS)
    kind = KINDS[name]
    number = _number(value) if equals else kind.number
    if number is None:
        example = f"{name}=224" if kind.number is None else f"{name}={kind.number}"
        raise RunError(f"`--augment` {name} needs a number, such as {example}; got {text!r}.")
    try:
        return name, kind.make(number, classes)
    except (ValueError, TypeError) as error:
        raise RunError(f"`--augment` {text}: {error}") from error


def _number(text: str) -> int | float | None:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return None
