"""Tiny sets in the formats of the real ones, and what is in them."""

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from cnn_jax.data import preparing
from cnn_jax.data.formats import idx
from cnn_jax.data.sets import SETS, Debian, Original, Set
from cnn_jax.data.sources import PreparedRecords

COUNTS = {"train": 30, "test": 20}


class Tiny(NamedTuple):
    """Original files of a small set, their facts, and what is in them."""

    folder: Path
    facts: Set
    arrays: dict[str, dict[str, np.ndarray]]

    def read(self, split, folder=None, *, root, builder=None, **changes) -> dict[str, np.ndarray]:
        """Prepare it, with other facts if some are given, and read one split."""
        facts = dataclasses.replace(self.facts, **changes)
        place = preparing.prepared(facts, folder, root=root, builder=builder)
        records = PreparedRecords(place, split, "Prepare it again.")
        examples = records.read(list(range(len(records))))
        return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


def facts_of(name: str, **changes) -> Set:
    """The facts of a real set for tiny files: no Debian package and no server, unless given."""
    info = dataclasses.replace(SETS[name].info, counts=COUNTS)
    changes = {"info": info, "debian": None, "url": "http://127.0.0.1:1/"} | changes
    return dataclasses.replace(SETS[name], **changes)


def originals_in(folder: Path, name: str) -> tuple[Original, ...]:
    """The facts about the files in `folder` that are called like the originals of a real set."""
    contents = {real.name: (folder / real.name).read_bytes() for real in SETS[name].originals}
    return tuple(
        Original(file, len(content), hashlib.sha256(content).hexdigest())
        for file, content in contents.items()
    )


def random_arrays(n: int, shape, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, uint8."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (n, *shape), np.uint8), random.integers(0, classes, n, np.uint8)


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    """Fashion-MNIST, tiny."""
    folder = tmp_path / "originals"
    folder.mkdir()
    pairs, arrays = {}, {}
    for seed, (split, n) in enumerate(COUNTS.items()):
        images, labels = random_arrays(n, (28, 28), 10, seed)
        pair = idx.MNIST_PAIRS[split]
        pairs[split] = pair._replace(
            images_sha256=idx.write(folder / pair.images, images),
            labels_sha256=idx.write(folder / pair.labels, labels),
        )
        arrays[split] = {"image": images[..., None], "label": labels.astype(np.int32)}
    facts = facts_of(
        "fashion_mnist",
        read=idx.reader(pairs, classes=10),
        debian=Debian("dataset-fashion-mnist", Path("/nowhere")),
    )
    return Tiny(folder, facts, arrays)


@pytest.fixture
def root(tmp_path) -> Path:
    """Where prepared sets go in this test."""
    return tmp_path / "datasets"


def assert_equal(arrays, expected):
    assert arrays.keys() == expected.keys()
    for name, right in expected.items():
        assert arrays[name].dtype == right.dtype
        np.testing.assert_array_equal(arrays[name], right)


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
