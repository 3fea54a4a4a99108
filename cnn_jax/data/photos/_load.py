"""`load`: one split of the photographs, as arrays that differ in size."""

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from cnn_jax import arguments
from cnn_jax.arguments import with_hints

from .._errors import DamagedFileError
from ._table import PHOTOGRAPHS

SPLITS = ("train", "test")
MODES = {1: "L", 3: "RGB"}


@with_hints
def load(split: str, *, channels: int | None = None) -> dict[str, np.ndarray]:
    """Read the photographs of a split (all of them in 0.1 s).

    Args:
        split: ``"train"``, nine photographs of which four are gray, or ``"test"``, four of which
            two are gray. No photograph is in both.
        channels: 1 makes gray ones, 0.299 red + 0.587 green + 0.114 blue; 3 makes RGB, of gray ones
            too. By default each is as it is.

    Returns:
        uint8 arrays (height, width, channels) by name, in alphabetical order.

    Raises:
        ValueError: there is no such split, or number of channels.
        FileNotFoundError: scikit-image is not installed, or without its pictures.
        DamagedFileError: a file is no picture, or has another size.

    References:
        van der Walt et al., *scikit-image: image processing in Python*, PeerJ, 2014. The origin of
        each photograph is in `PHOTOGRAPHS`.

    Example:
        >>> {name: photograph.shape[-1] for name, photograph in load("test").items()}
        {'camera': 1, 'chelsea': 3, 'coins': 1, 'rocket': 3}
        >>> load("test", channels=1)["rocket"].shape
        (427, 640, 1)
        >>> PHOTOGRAPHS["camera"].origin
        'Lav Varshney: CC0'
    """
    arguments.one_of("split", split, SPLITS)
    if channels is not None:
        arguments.one_of("channels", channels, MODES)
    folder = _folder()
    found = {}
    for name, facts in PHOTOGRAPHS.items():
        if facts.split == split:
            found[name] = _read(folder / facts.file, facts.shape, channels or facts.shape[-1])
    return found


def _folder() -> Path:
    """Where scikit-image has its pictures; found without importing it."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "The photographs are part of scikit-image: pip install 'scikit-image>=0.24'."
        )
    return Path(spec.origin).parent / "data"


def _read(file: Path, shape: tuple[int, int, int], channels: int) -> np.ndarray:
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert(MODES[channels]))
    except (UnidentifiedImageError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(
                f"{file} is missing: install scikit-image again, or another version of it."
            ) from error
        raise DamagedFileError(
            f"{file} is damaged: {error}. Install scikit-image again."
        ) from error
    if pixels.shape[:2] != shape[:2]:
        raise DamagedFileError(
            f"{file} is another picture: it has {pixels.shape[:2]} pixels and not {shape[:2]}."
        )
    return pixels.reshape(*shape[:2], channels)
