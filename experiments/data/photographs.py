"""Photographs to restore, and patches of them: scikit-image's, or a real set such as DIV2K."""

from collections.abc import Iterator
from typing import Any, Literal

import jax
import numpy as np
from PIL import Image

from cnn_jax import data
from cnn_jax.data import photos
from cnn_jax.tasks import restoration
from experiments.data import real_sets
from experiments.running.options import RunError

Kind = Literal["gray", "luma"]
SMOKE = slice(100, 196)  # rows and columns of a held-out photograph in a smoke run
PICTURES = 1000  # of a real set, at most, that patches are cut out of
MIDDLES, MIDDLE = 100, 512  # held-out pictures of a real set; height and width of what is taken
AT_ONCE = 8  # pictures that are read at once


def held_out(config: Any, kind: Kind) -> dict[str, np.ndarray]:
    """Read the held-out photographs, float32 (height, width, 1) in [0, 1], by name.

    Of a real set they are the middles of at most 100 pictures, 512 x 512 pixels, spread evenly.

    Args:
        config: of the command: `data`, `folder`, `test_split`, `smoke`.
        kind: ``"gray"``, as `data.photos` makes them, or ``"luma"``, Y of YCbCr.

    Raises:
        RunError: there is no such set, or it has no pictures.
    """
    if config.data is None:
        return photographs("test", kind, smoke=config.smoke)
    count, side = (2, 96) if config.smoke else (MIDDLES, MIDDLE)
    found = {}
    for index, picture in read(real_sets.opened(config)[1], kind, count):
        top, left = (max(n - side, 0) // 2 for n in picture.shape[:2])
        found[f"picture {index}"] = picture[top : top + side, left : left + side]
    return found


def patches(
    config: Any, kind: Kind, side: int, count: int, held_out: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut patches out of the training photographs, and others out of the held-out ones.

    The training photographs are there in two sizes, and mirrored on the diagonal too. Of a real set
    as many patches are cut out of each picture, which is read once: for DIV2K, some minutes.

    Args:
        config: of the command: `data`, `folder`, `test_split`, `smoke`, and `seed`, which decides
            which patches are trained on.
        kind: of the photographs, see there.
        side: of a patch.
        count: how many to train on.
        held_out: how many of the others, which no seed changes.

    Returns:
        Two arrays, uint8 (patches, side, side, 1).

    Raises:
        RunError: there is no such set, or a picture is smaller than a patch.
    """
    if config.data is not None:
        train, test = real_sets.opened(config)
        most = 8 if config.smoke else PICTURES
        return (
            _of_set(train, kind, side, count, min(count, most), config.seed, varied=True),
            _of_set(test, kind, side, held_out, min(held_out, most), 0, varied=False),
        )
    train = _variants(photographs("train", kind).values())
    test = list(photographs("test", kind).values())
    made = []
    for arrays, key, number in ((train, config.seed, count), (test, 0, held_out)):
        stored = [np.round(a * 255).astype(np.uint8) for a in arrays]
        made.append(np.asarray(photos.crops(jax.random.key(key), stored, number, side)))
    return made[0], made[1]


def photographs(split: str, kind: Kind, *, smoke: bool = False) -> dict[str, np.ndarray]:
    """Read the photographs of a split, float32 (height, width, 1) in [0, 1], by name.

    Args:
        split: ``"train"`` or ``"test"``.
        kind: ``"gray"``, as `data.photos` makes them, or ``"luma"``, Y of YCbCr.
        smoke: cut out a small part.

    Example:
        >>> photographs("test", "luma")["rocket"].shape
        (427, 640, 1)
    """
    part = SMOKE if smoke else slice(None)
    found = photos.load(split, channels=1 if kind == "gray" else None)
    floats = {name: p[part, part].astype(np.float32) / 255 for name, p in found.items()}
    return {name: np.asarray(restoration.luma(p)) for name, p in floats.items()}


def read(source: data.Source, kind: Kind, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Read so many pictures of a set, spread evenly: their numbers, and arrays as `held_out`."""
    count = min(count, len(source))
    indices = np.linspace(0, len(source) - 1, count).round().astype(int)
    for first in range(0, count, AT_ONCE):
        some = indices[first : first + AT_ONCE].tolist()
        for index, example in zip(some, source.__getitems__(some)):
            picture = example.get("hr", example.get("image"))  # DIV2K's in high resolution
            if not isinstance(picture, np.ndarray) or picture.ndim != 3:
                raise RunError(f"`--data` must have pictures; {source.info.name} has none.")
            if kind == "gray" and picture.shape[-1] == 3:
                picture = np.asarray(Image.fromarray(picture).convert("L"))[..., None]
            yield index, np.asarray(restoration.luma(picture.astype(np.float32) / 255))


def _of_set(
    source: data.Source, kind: Kind, side: int, count: int, of: int, seed: int, *, varied: bool
) -> np.ndarray:
    """Cut patches out of so many pictures of a set, as many out of each."""
    rng, made, of = np.random.default_rng(seed), [], min(of, len(source))
    for number, (index, picture) in enumerate(read(source, kind, of)):
        if min(picture.shape[:2]) < side:
            place = source.records.place(index)
            raise RunError(f"`--data` must have pictures of {side} pixels or more; not {place}.")
        variants = _variants([picture]) if varied else [picture]
        variants = [v for v in variants if min(v.shape[:2]) >= side]
        for _ in range(count * number // of, count * (number + 1) // of):
            variant = variants[rng.integers(len(variants))]
            top, left = (rng.integers(n - side + 1) for n in variant.shape[:2])
            made.append(variant[top : top + side, left : left + side])
    return np.round(np.stack(made) * 255).astype(np.uint8)


def _variants(pictures: Any) -> list[np.ndarray]:
    """Pictures in two sizes, and all of them mirrored on the diagonal too."""
    both = list(pictures)
    both += [halved(p) for p in both]
    return both + [p.swapaxes(0, 1) for p in both]


def halved(photograph: np.ndarray) -> np.ndarray:
    """Return the mean of every 2 x 2 pixels: the same things, smaller and sharper, to train on.

    Args:
        photograph: (height, width, channels).

    Example:
        >>> halved(np.full((5, 6, 3), 0.7)).shape
        (2, 3, 3)
    """
    height, width = (n // 2 for n in photograph.shape[:2])
    squares = photograph[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    return squares.mean((1, 3))


def resized(photograph: np.ndarray, factor: float) -> np.ndarray:
    """A photograph (height, width, 1) larger or smaller, without aliasing.

    Example:
        >>> resized(np.full((20, 30, 1), 7, np.uint8), 0.5).shape
        (10, 15, 1)
    """
    height, width = (round(n * factor) for n in photograph.shape[:2])
    image = Image.fromarray(photograph[..., 0])
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))[..., None]
