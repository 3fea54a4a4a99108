"""A tiny set in Fashion-MNIST's format, and the builder that prepares it."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from cnn_jax.data import _idx
from cnn_jax.data.fashion_mnist._files import FULL
from cnn_jax.data.fashion_mnist.builder import FashionMnist

COUNTS = {"train": 30, "test": 20}


class Tiny(NamedTuple):
    """Four small IDX files, and what is in them."""

    folder: Path
    pairs: dict[str, _idx.Pair]
    arrays: dict[str, tuple[np.ndarray, np.ndarray]]

    def builder(self, **facts) -> type[FashionMnist]:
        """`FashionMnist` for these files: no Debian folder and no server, unless given."""
        facts = {"debian": Path("/nowhere"), "url": "http://127.0.0.1:1/"} | facts
        return type(
            "Tiny",
            (FashionMnist,),
            {"name": "fashion_mnist", "files": self.pairs, **facts},
            skip_registration=True,
        )


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    random = np.random.default_rng(0)
    folder = tmp_path / "originals"
    folder.mkdir()
    pairs, arrays = {}, {}
    for split, n in COUNTS.items():
        images = random.integers(0, 256, (n, 28, 28), np.uint8)
        labels = random.integers(0, 10, n, np.uint8)
        pair = FULL[split]
        pairs[split] = pair._replace(
            images_sha256=_idx.write(folder / pair.images, images),
            labels_sha256=_idx.write(folder / pair.labels, labels),
        )
        arrays[split] = images[..., None], labels.astype(np.int32)
    return Tiny(folder, pairs, arrays)


@pytest.fixture
def root(tmp_path) -> Path:
    """Where prepared sets go in this test."""
    return tmp_path / "datasets"


def flip_bit(file: Path) -> None:
    """Damage one bit in the middle of a file, in a copy of its own."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.fixture
def damaged_copy(tmp_path, tiny):
    """Copy the tiny set and change one of its files by a function of the path."""

    def copy(name: str, damage) -> Path:
        folder = tmp_path / "damaged"
        shutil.copytree(tiny.folder, folder)
        damage(folder / name)
        return folder

    return copy
