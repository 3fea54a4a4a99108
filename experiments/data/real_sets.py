"""Real pictures with boxes or masks: sets that TFDS has prepared, for the commands that want them.

What is not prepared is an error that says how to prepare it; see `data.source`.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image

from cnn_jax import data
from cnn_jax.data import augment
from experiments.data import making, real_faces
from experiments.data.labeled import IN_MEMORY
from experiments.running.options import RunError, require, said_of

MOST = 64  # objects of a picture, the largest ones
BOXES = ("image", "boxes", "boxes_valid", "classes")
THINGS, AT_MOST = 80, 24  # classes of COCO that are things; and how many of a picture have masks
NUMBERS = np.arange(1, AT_MOST + 1, dtype=np.uint8).reshape(1, -1, 1, 1)  # of things in a mask
OUTSIDE = 255  # the label of pixels that do not count
AT_ONCE = 256  # examples that are read at once
NAMING = {"name": "--data", "folder": "--folder", "split": "--test-split"}
CHANGES = {"translate": 0.1, "scale": (0.7, 1.4)}

Example = dict[str, Any]


class Masks(NamedTuple):
    """What the numbers in a set's masks mean."""

    classes: tuple[str, ...]
    """The background first."""
    numbers: tuple[int, ...]
    """Of each class."""


MASKS = {"oxford_iiit_pet": Masks(("background", "pet", "border"), (2, 1, 3))}


class Changed:
    """The examples of a source, each changed by a function."""

    def __init__(self, source: data.Source, change: Callable[[Example], Example]):
        self.source, self.change = source, change

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Example:
        return self.change(self.source[index])

    def __getitems__(self, indices: Any) -> list[Example]:
        return [self.change(example) for example in self.source.__getitems__(indices)]


def boxes(config: Any, most: int) -> making.Examples:
    """Pictures of `--data` with their boxes, resized to `size`.

    Args:
        config: of the command.
        most: how many are held out, spread evenly over their split.

    Raises:
        RunError: the set is not there, or has no boxes.
    """
    if config.data == real_faces.NAME:
        return real_faces.boxes(config)
    sources = opened(config)
    if not sources[0].info.boxes:
        raise RunError(f"`--data` must have boxes; {config.data} has none.")

    def kept(example):
        return {name: example[name] for name in BOXES}

    resized = [data.uniform(source, config.size, boxes=MOST) for source in sources]
    change = augment.chain(augment.flip(), augment.affine(**CHANGES, min_visible=0.3))
    names = resized[0].info.labels["classes"]
    found = _examples(config, [Changed(source, kept) for source in resized], most, change, names)
    some = found.truth["boxes_valid"].any()
    require("--test-split", some, "a split with boxes", sources[1].split)
    return found


def masks(config: Any, most: int) -> making.Examples:
    """Pictures of `--data` with a class for each pixel as `mask`, resized to `size`.

    Raises:
        RunError: the set is not there, or what is in its masks is not known.
    """
    name = config.data.partition(":")[0]
    if name not in MASKS:
        raise RunError(f"`--data` must be one of {', '.join(MASKS)}; got {config.data}.")
    known, labels = MASKS[name], np.full(256, OUTSIDE, np.uint8)
    labels[list(known.numbers)] = np.arange(len(known.numbers))

    def named(example):
        return {"image": example["image"], "mask": labels[example["mask"]]}

    parts = [Changed(data.uniform(source, config.size), named) for source in opened(config)]
    change = augment.affine(degrees=10, **CHANGES, fill_mask=OUTSIDE)
    return _examples(config, parts, most, augment.chain(augment.flip(), change), known.classes)


def objects(config: Any, most: int) -> making.Examples:
    """Pictures of `--data` with the `masks` of their things, resized to `size`.

    Raises:
        RunError: the set is not there, or is not COCO with panoptic masks.
    """
    sources, things = opened(config), "panoptic_objects/label"
    if things not in sources[0].info.labels:
        raise RunError(
            "`--data` must have a mask for each object, as TFDS's coco/2017_panoptic has; "
            f"{config.data} has none."
        )
    parts = [Changed(source, partial(_things, size=config.size)) for source in sources]
    change = augment.chain(augment.flip(), augment.affine(**CHANGES))
    names = sources[0].info.labels[things][:THINGS]
    found = _examples(config, parts, most, change, names)

    def separate(example):
        masks = example["mask"][:, None] == NUMBERS
        return {**example, "masks": masks, "boxes_valid": masks.any((2, 3))}

    def new(batch, key):
        return separate(found.new(batch, key))

    return found._replace(new=new, truth=separate(found.truth))


def _things(example: Example, size: int) -> Example:
    """A picture and, as `mask`, the numbers of its things: 0, or 1 + the place in `classes`.

    A pixel of `panoptic_image` has the id of its object as red + 256 green + 256**2 blue.
    """
    picture = Image.fromarray(example["image"]).resize((size, size), Image.Resampling.BILINEAR)
    colors = Image.fromarray(example["panoptic_image"])
    colors = np.array(colors.resize((size, size), Image.Resampling.NEAREST), np.int64)
    ids = colors @ np.array([1, 256, 256**2])
    of = {name: np.reshape(value, -1) for name, value in example["panoptic_objects"].items()}
    counts = np.where((of["label"] < THINGS) & ~of["is_crowd"].astype(bool), of["area"], 0)
    kept = np.argsort(-counts, kind="stable")[: min((counts > 0).sum(), AT_MOST)]
    mask, classes = np.zeros(ids.shape, np.uint8), np.zeros(AT_MOST, np.int32)
    for place, number in enumerate(kept):
        mask[ids == of["id"][number]] = place + 1
        classes[place] = of["label"][number]
    return {"image": np.array(picture), "mask": mask, "classes": classes}


def opened(config: Any) -> list[data.Source]:
    """Open the split of `--data` that is trained on, and that which is held out.

    Raises:
        RunError: there is no such set or split, or it is not prepared.
    """
    with said_of(**NAMING):
        splits = data.info(config.data, folder=config.folder).splits
        usual = "validation" if "validation" in splits else "test"
        return [
            data.source(config.data, split, folder=config.folder)
            for split in ("train", config.test_split or usual)
        ]


def _examples(
    config: Any, sources: list[Changed], most: int, change: Any, names: tuple[str, ...]
) -> making.Examples:
    train, held_out = sources

    def some(key, count):
        return read(train, count)

    def new(batch, key):
        return change(key, batch)

    counts = (64, 32) if config.smoke else (len(train), most)
    least = min(len(train), len(held_out), *counts)
    fits = config.batch_size <= least
    require("--batch-size", fits, f"in [1, {least}], the pictures of a split", config.batch_size)
    size = sum(part.nbytes for part in train[0].values()) * counts[0]
    # What does not fit into memory is read while the network trains.
    train_on = read(train, counts[0]) if size <= IN_MEMORY else train
    return making.Examples(train_on, new, read(held_out, counts[1]), names, some)


def read(source: Changed, count: int) -> dict[str, np.ndarray]:
    """Read so many examples, or all, spread evenly: arrays by name."""
    count = min(count, len(source))
    indices = np.linspace(0, len(source) - 1, count).round().astype(int)

    def parts() -> Iterator[Example]:
        for first in range(0, count, AT_ONCE):
            examples = source.__getitems__(indices[first : first + AT_ONCE].tolist())
            yield jax.tree.map(lambda *arrays: np.stack(arrays), *examples)

    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts())
