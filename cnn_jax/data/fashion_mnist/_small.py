"""The embedded part of Fashion-MNIST: the first 6,000 training and 1,000 test images."""

from importlib import resources

import numpy as np

from ..formats import idx
from ._files import SMALL


def read_small(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one split of the embedded set.

    Args:
        split: ``"train"`` or ``"test"``.

    Returns:
        ``images`` uint8 (n, 28, 28, 1) and ``labels`` int32 (n,); n is 6000 or 1000.

    Raises:
        DamagedFileError: a file of the installed package is damaged.

    Example:
        >>> images, labels = read_small("test")
        >>> images.shape, labels[0]
        ((1000, 28, 28, 1), np.int32(9))
    """
    pair = SMALL[split]
    folder = resources.files(__spec__.parent) / "small"
    files = {name: folder / name for name in (pair.images, pair.labels)}
    return idx.read_pair(files, pair, classes=10, remedy="Reinstall cnn_jax.")
