"""MNIST's relatives from tiny original files: their facts, their checks, their arrays."""

import shutil
import zipfile

import numpy as np
import pytest

from cnn_jax.data import DamagedFileError
from cnn_jax.data.formats import idx
from cnn_jax.data.sets import emnist_letters

from .conftest import COUNTS, Tiny, assert_equal, facts_of, flip_bit, originals_in, random_arrays


def idx_files(folder, pairs, classes, first=0):
    """Write the files of both splits; return what is in them."""
    folder.mkdir()
    arrays = {}
    for seed, (split, n) in enumerate(COUNTS.items()):
        images, labels = random_arrays(n, (28, 28), classes, seed)
        idx.write(folder / pairs[split].images.rpartition("/")[2], images)
        idx.write(folder / pairs[split].labels.rpartition("/")[2], labels + np.uint8(first))
        arrays[split] = images, labels.astype(np.int32)
    return arrays


@pytest.fixture(params=["mnist", "kmnist"])
def relative(request, tmp_path) -> Tiny:
    folder = tmp_path / "originals"
    arrays = idx_files(folder, idx.MNIST_PAIRS, 10)
    originals = originals_in(folder, request.param)
    expected = {
        split: {"image": images[..., None], "label": labels}
        for split, (images, labels) in arrays.items()
    }
    return Tiny(folder, facts_of(request.param, originals=originals), expected)


@pytest.fixture
def letters(tmp_path) -> Tiny:
    arrays = idx_files(tmp_path / "gzip", emnist_letters.PAIRS, 26, first=1)
    folder = tmp_path / "originals"
    folder.mkdir()
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        for file in sorted((tmp_path / "gzip").iterdir()):
            archive.write(file, f"gzip/{file.name}")
    facts = facts_of("emnist_letters", originals=originals_in(folder, "emnist_letters"))
    expected = {
        split: {"image": images.transpose(0, 2, 1)[..., None], "label": labels}
        for split, (images, labels) in arrays.items()
    }
    return Tiny(folder, facts, expected)


@pytest.mark.parametrize("split", COUNTS)
def test_idx_files(relative, root, split):
    assert_equal(relative.read(split, relative.folder, root=root), relative.arrays[split])


@pytest.mark.parametrize("split", COUNTS)
def test_letters_are_upright_and_numbered_from_zero(letters, root, split):
    assert_equal(letters.read(split, letters.folder, root=root), letters.arrays[split])


def test_another_file_of_the_same_size_is_refused(relative, root):
    file = relative.folder / "t10k-labels-idx1-ubyte.gz"
    flip_bit(file)
    with pytest.raises(DamagedFileError, match=rf"{file} is damaged or another file: .* SHA-256"):
        relative.read("train", relative.folder, root=root)
    assert not list(root.iterdir())


def test_a_file_of_another_size_is_refused(letters, root):
    file = letters.folder / "gzip.zip"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match=rf"{file} is truncated .* give another `folder`"):
        letters.read("train", letters.folder, root=root)


def test_originals_are_checked_even_when_prepared_before(letters, root):
    letters.read("train", letters.folder, root=root)
    flip_bit(letters.folder / "gzip.zip")
    with pytest.raises(DamagedFileError, match=r"gzip\.zip is damaged or another file"):
        letters.read("train", letters.folder, root=root)
    shutil.rmtree(letters.folder)
    with pytest.raises(FileNotFoundError, match=r"hold the file of EMNIST letters; .* gzip\.zip\."):
        letters.read("train", letters.folder, root=root)


def test_what_is_read_must_agree_with_the_facts(relative, root):
    info = relative.facts.info
    more = type(info)(**{**vars(info), "counts": {"train": 31, "test": 20}})
    with pytest.raises(DamagedFileError, match=r"t10k-labels.*: the train split has images of"):
        relative.read("train", relative.folder, root=root, info=more)


def test_letters_must_be_numbered_from_one(tmp_path, letters, root):
    folder = tmp_path / "zeros"
    names = [f"emnist-letters-{split}-{kind}" for split in COUNTS for kind in ("images", "labels")]
    (tmp_path / "gzip2").mkdir()
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for name in names:
            split, kind = name.split("-")[2:]
            array = np.zeros((COUNTS[split], 28, 28)[: 1 if kind == "labels" else 3], np.uint8)
            file = tmp_path / "gzip2" / f"{name}-idx{array.ndim}-ubyte.gz"
            idx.write(file, array)
            archive.write(file, f"gzip/{file.name}")
    folder.mkdir()
    shutil.move(tmp_path / "gzip.zip", folder)
    originals = originals_in(folder, "emnist_letters")
    with pytest.raises(DamagedFileError, match="must have 30 numbers below 26 as `label`"):
        letters.read("train", folder, root=root, originals=originals)
