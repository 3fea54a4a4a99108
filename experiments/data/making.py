"""Examples that are made on the device: new ones in each step, and fixed ones that are held out."""

from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from cnn_jax import data
from cnn_jax.data import photos

AT_ONCE = 32  # examples
PIXELS = 5_000_000  # of the backgrounds to train on, if not said otherwise: 512 of 96 x 96
MANY = 20_000_000  # where those are too few: 2,112 of 96 x 96
Make = Callable[[jax.Array], Any]


class Examples(NamedTuple):
    """What a command trains on and is measured on, made here or real."""

    train: Any
    """What `training.batches` takes."""
    new: Callable[[Any, jax.Array], Any]
    """`(batch, key) -> truth`, of a batch of `train`, in a training step."""
    truth: Any
    """The truth about the held-out examples, NumPy arrays."""
    names: tuple[str, ...]
    """The classes."""
    some: Callable[[jax.Array, int], Any]
    """`(key, count) -> truth` about some that are trained on, for a classical baseline."""


def numbers(count: int) -> dict[str, np.ndarray]:
    """The training data of an epoch of `count` examples: their numbers, of which `new` makes them.

    Example:
        >>> numbers(3)["number"].tolist()
        [0, 1, 2]
    """
    return {"number": np.arange(count)}


def new(make: Make, batch: Any, key: jax.Array) -> Any:
    """Make the examples of a batch of `numbers`, in a training step.

    Args:
        make: `keys (n,) -> a tree of (n, ...)`.
        batch: `number`, (n,).
        key: of the step, so that no two steps have the same examples.
    """
    return make(jax.vmap(partial(jax.random.fold_in, key))(batch["number"]))


def drawn(make: Make, key: jax.Array, count: int, leave: Collection[str] = ()) -> Any:
    """Make examples that stay the same: `count` of them, a multiple of 32, as NumPy arrays.

    Args:
        make: `keys (n,) -> a dict of (n, ...)`.
        key: which ones.
        count: how many.
        leave: names of those parts that are not needed.
    """
    kept = jax.jit(lambda keys: {n: v for n, v in make(keys).items() if n not in leave})
    parts = [jax.device_get(kept(k)) for k in jax.random.split(key, count).reshape(-1, AT_ONCE)]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def examples(
    config: Any,
    counts: tuple[int, int],
    leave: Collection[str] = (),
    fuller: int = 1,
    **options: Any,
) -> Examples:
    """Scenes of garments as `Examples`: of the options `dataset`, `size`, `objects` and `smoke`.

    Args:
        config: of the command.
        counts: how many there are in an epoch, and held out.
        leave: names of those parts of the truth that are not needed.
        fuller: how many times as many garments a scene may have that a network trains on: it learns
            from each, and one more takes little time. But it sees less of what is no garment.
        options: of `data.scenes.scenes`.
    """
    options |= {"size": config.size, "pixels": many(config.smoke)}
    make, make_held_out, names = scenes(config.dataset, objects=(1, config.objects), **options)
    make_new = make
    if fuller > 1:
        make_new, *_ = scenes(config.dataset, objects=(1, fuller * config.objects), **options)
    epoch, held_out = (64, 32) if config.smoke else counts
    truth = drawn(make_held_out, jax.random.key(1), held_out, leave)
    some = partial(drawn, make, leave=leave)
    return Examples(numbers(epoch), partial(new, make_new), truth, names, some)


def many(smoke: bool) -> int:
    """Pixels of the backgrounds to train on, where `PIXELS` are too few; those in a smoke run."""
    return PIXELS if smoke else MANY


def figures(**options: Any) -> tuple[Make, Make]:
    """People on photographs, to train on and held out: two functions of keys.

    Args:
        options: of `data.figures.figures`.
    """
    train, held_out = (backgrounds(split, options["size"]) for split in ("train", "test"))
    return data.figures.figures(train, **options), data.figures.figures(held_out, **options)


def scenes(
    dataset: str,
    make: Callable[..., Make] = data.scenes.scenes,
    pixels: int = PIXELS,
    **options: Any,
) -> tuple[Make, Make, tuple[str, ...]]:
    """Scenes of garments on photographs, to train on and held out; they share no pixel.

    Args:
        dataset: whose garments; a name for `data.load`.
        make: `data.scenes.scenes`, or `data.scenes.videos`.
        pixels: of the photographs to train on, see `backgrounds`.
        options: of that.

    Returns:
        Two functions of keys, see there, and the names of the classes.
    """
    made, classes = [], ()
    for split in ("train", "test"):
        garments = data.load(dataset, split)
        photographs = backgrounds(split, options["size"], pixels)
        made.append(make(garments.images, garments.labels, photographs, **options))
        classes = tuple(garments.classes)
    return made[0], made[1], classes


@lru_cache(maxsize=2)
def backgrounds(split: str, size: int, pixels: int = PIXELS) -> tuple[np.ndarray, ...]:
    """The photographs that examples of a split are made on, of at least `size` x `size`.

    To train on there are only nine: half of those returned are parts of them as they are, half are
    `data.scenes.altered`. They are drawn once: anew in each step they would take as long as all
    else of a scene. They have about so many pixels in all. The last ones are kept: to draw them
    takes 5 seconds.
    """
    photographs = tuple(photos.load(split, channels=3).values())
    if split == "test":
        return photographs
    side = min(3 * size // 2, *(min(photograph.shape[:2]) for photograph in photographs))
    ways = (data.scenes.crops(photographs, side), data.scenes.altered(photographs, side))

    def make(keys):
        return {str(n): jax.vmap(way)(keys) for n, way in enumerate(ways)}

    made = drawn(make, jax.random.key(0), AT_ONCE * max(pixels // (2 * AT_ONCE * side**2), 1))
    images = (image for part in made.values() for image in part)
    return tuple(np.round(255 * image).astype(np.uint8) for image in images)
