"""`uniform`: examples of one size with as many boxes each, so that they can be batched."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from cnn_jax import arguments
from cnn_jax.arguments import with_hints

from ._info import Info
from .sources import Example, Records, Source
from .sources import fit as fitted

CROWD = "is_crowd"  # the flag of a box that is around many objects


@with_hints
def uniform(source: Source, size: int | Sequence[int], *, boxes: int = 100) -> Source:
    """Give all examples of a source the same shapes, and the names that `augment` and `tasks` know.

    Each side of a picture is resized on its own, as SSD does it (Liu et al. 2016): nothing is cut
    off, and the intersection over union of two boxes is the same before and after.

    Args:
        source: of a set whose examples have an ``image``, with masks or boxes as TFDS has them.
        size: height and width of the pictures, in pixels.
        boxes: how many places each example has for boxes. Of a picture with more objects the
            largest ones are kept.

    Returns:
        A `Source` with the same number of examples, each a dict of::

            image         (height, width, 3) uint8, resized bilinearly, with antialiasing
            mask          (height, width), of the first of ``info.masks``: the nearest labels
            boxes         (boxes, 4) float32: (top, left, bottom, right) in pixels
            boxes_valid   (boxes,) bools: which places hold an object
            classes       (boxes,) int32: indices into ``info.labels["classes"]``
            label         int32, if it had one

        without a ``mask`` or the three of the boxes if the set has none. Boxes are those of the
        first of ``info.boxes``, without those that have no area and those around a crowd.

    Raises:
        TypeError, ValueError: an argument is wrong, or the examples have no ``image``.

    Example:
        >>> from cnn_jax import data
        >>> test = uniform(data.source("fashion_mnist_small", "test"), 32)
        >>> test[0]["image"].shape, test[0]["label"]
        ((32, 32, 3), np.int32(9))
    """
    if not isinstance(source, Source):
        raise TypeError(f"`source` must be a data.Source; got {arguments.shown(source)}.")
    height, width = arguments.per_axis("size", size, 2, "an image")
    arguments.integer("boxes", boxes, at_least=1)
    if len(source.info.shape) != 3:
        raise ValueError(
            f"`source` must have an `image` in its examples; {source.info.name} has none."
        )
    records = UniformRecords(source.records, source.info, (height, width), boxes)
    labels = {"label": source.classes} if source.classes else {}
    if source.info.boxes:
        labels["classes"] = _classes(source.info)[1]
    info = replace(source.info, shape=(height, width, 3), labels=labels, masks=(), boxes=())
    return Source(info, source.split, records)


class UniformRecords:
    """The records of another, changed as `uniform` says."""

    def __init__(self, records: Records, info: Info, size: tuple[int, int], most: int):
        self.records, self.size, self.most = records, size, most
        self.mask = info.masks[0] if info.masks else None
        self.boxes = info.boxes[0] if info.boxes else None
        self.classes = _classes(info)[0] if info.boxes else None
        self.labeled = bool(info.classes)

    def __len__(self) -> int:
        return len(self.records)

    def read(self, indices: list[int]) -> list[Example]:
        """Read these examples, and change them."""
        return [self._changed(example) for example in self.records.read(indices)]

    def place(self, index: int) -> str:
        """Say where a record lies."""
        return self.records.place(index)

    def _changed(self, example: Example) -> Example:
        picture = Image.fromarray(fitted(example["image"], None, 3))
        height, width = self.size
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        made: Example = {"image": np.array(picture)}
        if self.mask is not None:
            mask = example[self.mask][..., 0]
            rows, columns = (
                ((np.arange(new) + 0.5) * old / new).astype(int)
                for new, old in zip(self.size, mask.shape)
            )
            made["mask"] = mask[rows[:, None], columns]
        if self.boxes is not None:
            made |= self._boxes(example, self.boxes)
        if self.labeled:
            made["label"] = np.int32(example["label"])
        return made

    def _boxes(self, example: Example, path: str) -> Example:
        outer = path.rpartition("/")[0]
        crowd = _at(example, f"{outer}/{CROWD}")
        found = np.reshape(_at(example, path), (-1, 4)).astype(np.float32)
        area = (found[:, 2:] - found[:, :2]).clip(0).prod(1)
        if crowd is not None:
            area = np.where(np.reshape(crowd, -1), 0, area)
        kept = np.sort(np.argsort(-area, kind="stable")[: min(self.most, (area > 0).sum())])
        kinds = np.zeros(len(found), np.int32)
        if self.classes is not None:
            kinds = np.reshape(_at(example, self.classes), -1).astype(np.int32)
        made = {
            "boxes": np.zeros((self.most, 4), np.float32),
            "boxes_valid": np.arange(self.most) < len(kept),
            "classes": np.zeros(self.most, np.int32),
        }
        made["boxes"][: len(kept)] = found[kept] * np.array(self.size * 2, np.float32)
        made["classes"][: len(kept)] = kinds[kept]
        return made


def _classes(info: Info) -> tuple[str | None, tuple[str, ...]]:
    """The path of the classes of the boxes, and their names; None if all are of one."""
    outer = info.boxes[0].rpartition("/")[0]
    beside = [name for name in info.labels if outer and name.startswith(f"{outer}/")]
    if not beside:
        return None, (outer or info.boxes[0].removesuffix("_bbox"),)
    chosen = f"{outer}/label" if f"{outer}/label" in beside else beside[0]
    return chosen, info.labels[chosen]


def _at(example: Any, path: str) -> Any:
    """What lies at a path such as ``objects/bbox``; None if nothing does."""
    for name in path.split("/"):
        example = example.get(name) if isinstance(example, dict) else None
    return example
