"""`Dataset`: one split of a set as arrays in memory."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from .sources import Source

AT_ONCE = 1000  # examples that are read before they are copied into the arrays


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """The images of one split and their labels, in the order of the original files.

    Attributes:
        images: uint8 (n, height, width, channels), 0 to 255; signals are float32 (n, length,
            channels).
        labels: int32 (n,), indices into ``classes``.
        classes: the classes' names.
        others: what else there is for each example, by name: ``coarse_label`` of CIFAR-100.

    Example:
        >>> Dataset(np.zeros((5, 28, 28, 1), np.uint8), np.zeros(5, np.int32), ("cat", "dog"))
        Dataset(images=uint8 (5, 28, 28, 1), labels=int32 (5,), 2 classes)
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    others: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def examples(self) -> dict[str, np.ndarray]:
        """The arrays by the names of a `Source`'s examples: ``image``, ``label`` and the others."""
        return {"image": self.images, "label": self.labels, **self.others}

    def __repr__(self) -> str:
        images, labels = self.images, self.labels
        return (
            f"Dataset(images={images.dtype} {images.shape}, labels={labels.dtype} {labels.shape}, "
            f"{len(self.classes)} classes)"
        )


def collected(source: Source) -> Dataset:
    """Read all examples of a source into arrays.

    Args:
        source: its images must have the same size.

    Returns:
        The arrays, writable.

    Raises:
        ValueError: an image has another size than the first one, or there is no example, or the
            examples have no ``image`` or no ``label``.
        DamagedFileError: an example is damaged.

    Example:
        >>> from cnn_jax import data
        >>> collected(data.source("fashion_mnist_small", "test"))
        Dataset(images=uint8 (1000, 28, 28, 1), labels=int32 (1000,), 10 classes)
    """
    names = ("image", *(name for name in source.info.labels if "/" not in name))
    if "label" not in names or not source.info.shape:
        raise ValueError(
            f"`name` must be a set whose examples have `image` and `label`; {source.info.name} has "
            f"{', '.join(source[0]) if len(source) else 'no examples'}. Use `source`, which reads "
            "any."
        )
    arrays: dict[str, np.ndarray] = {}
    for start in range(0, len(source), AT_ONCE):
        indices = range(start, min(start + AT_ONCE, len(source)))
        for index, example in zip(indices, source.__getitems__(indices)):
            if not arrays:
                arrays = {
                    name: np.empty((len(source), *example[name].shape), example[name].dtype)
                    for name in names
                }
            if example["image"].shape != arrays["image"].shape[1:]:
                raise ValueError(
                    f"`size` must be given, because the images differ in size: "
                    f"{source.records.place(index)} has {example['image'].shape}, the first one "
                    f"{arrays['image'].shape[1:]}."
                )
            for name in names:
                arrays[name][index] = example[name]
    if not arrays:
        raise ValueError(f"`split` {source.split!r} of {source.info.name} has no examples.")
    images, labels = arrays.pop("image"), arrays.pop("label")
    return Dataset(images, labels, source.classes, arrays)
