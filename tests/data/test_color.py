"""CIFAR and SVHN from tiny original files: their formats, their facts, their arrays."""

import io
import tarfile

import numpy as np
import pytest
import scipy.io

import cnn_jax.data as data
from cnn_jax.data import DamagedFileError
from cnn_jax.data._registry import REGISTRY, Prepared
from cnn_jax.data.formats import cifar, mat
from cnn_jax.data.formats.archives import Member
from cnn_jax.data.sets import cifar10, cifar100

from .conftest import COUNTS, Tiny, assert_equal, facts_of, flip_bit, originals_in, random_arrays

REMEDY = "Copy it again."


def records(images, *labels):
    """CIFAR's bytes, written pixel plane by pixel plane as its page describes them."""
    rows = []
    for index, image in enumerate(images):
        planes = [image[..., channel].tobytes() for channel in range(3)]
        rows.append(bytes(int(label[index]) for label in labels) + b"".join(planes))
    return rows


def tar(file, members):
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def make_cifar10(folder):
    arrays, members = {}, {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n"}
    for seed, (split, n) in enumerate(COUNTS.items()):
        images, labels = random_arrays(n, (32, 32, 3), 10, seed)
        parts = np.array_split(np.arange(n), len(cifar10.MEMBERS[split]))
        for name, part in zip(cifar10.MEMBERS[split], parts):
            members[name] = b"".join(records(images[part], labels[part]))
        arrays[split] = {"image": images, "label": labels.astype(np.int32)}
    tar(folder / "cifar-10-binary.tar.gz", members)
    return arrays


def make_cifar100(folder):
    arrays, members = {}, {}
    for seed, (split, n) in enumerate(COUNTS.items()):
        images, fine = random_arrays(n, (32, 32, 3), 100, seed)
        coarse = fine // 5
        members[cifar100.MEMBERS[split][0]] = b"".join(records(images, coarse, fine))
        arrays[split] = {
            "image": images,
            "label": fine.astype(np.int32),
            "coarse_label": coarse.astype(np.int32),
        }
    tar(folder / "cifar-100-binary.tar.gz", members)
    return arrays


def make_svhn_cropped(folder):
    arrays = {}
    for seed, (split, n) in enumerate(COUNTS.items()):
        images, labels = random_arrays(n, (32, 32, 3), 10, seed)
        numbers = np.where(labels == 0, 10, labels).astype([np.uint8, np.float64][seed])[:, None]
        held = {"X": images.transpose(1, 2, 3, 0), "y": numbers}
        scipy.io.savemat(folder / f"{split}_32x32.mat", held, do_compression=True)
        arrays[split] = {"image": images, "label": labels.astype(np.int32)}
    return arrays


MAKERS = {"cifar10": make_cifar10, "cifar100": make_cifar100, "svhn_cropped": make_svhn_cropped}


@pytest.fixture(params=MAKERS)
def color(request, tmp_path) -> Tiny:
    folder = tmp_path / "originals"
    folder.mkdir()
    arrays = MAKERS[request.param](folder)
    facts = facts_of(request.param, originals=originals_in(folder, request.param))
    return Tiny(folder, facts, arrays)


@pytest.mark.parametrize("split", COUNTS)
def test_arrays_are_those_of_the_originals(color, root, split):
    assert_equal(color.read(split, color.folder, root=root), color.arrays[split])


def test_load_and_source(color, tmp_path, monkeypatch):
    """The whole road: by name, through the front door."""
    monkeypatch.setenv("CNN_JAX_DATA", str(tmp_path / "datasets"))
    name = color.facts.info.name
    monkeypatch.setitem(REGISTRY, name, Prepared(color.facts))
    dataset = data.load(name, "train", folder=color.folder)
    assert_equal(dataset.examples, color.arrays["train"])
    assert dataset.images.flags.writeable
    example = data.source(name, "test")[7]
    for key, array in color.arrays["test"].items():
        np.testing.assert_array_equal(example[key], array[7])
        assert example[key].dtype == array.dtype


def test_damage_is_named(color, root):
    file = color.folder / color.facts.originals[-1].name
    flip_bit(file)
    with pytest.raises(DamagedFileError, match=rf"{file} is damaged or another file"):
        color.read("train", color.folder, root=root)


def test_cifar100_has_two_labels_for_each_image():
    labels = data.info("cifar100").labels
    assert {name: len(classes) for name, classes in labels.items()} == {
        "label": 100,
        "coarse_label": 20,
    }
    assert list(labels["label"]) == sorted(labels["label"])
    assert (labels["label"][-1], labels["coarse_label"][0]) == ("worm", "aquatic_mammals")


@pytest.mark.parametrize("size", [0, 1, 3072, 3074])
def test_cifar_files_hold_whole_images(tmp_path, size):
    file = Member(tmp_path / "a.tar.gz", "test.bin", bytes(size))
    with pytest.raises(DamagedFileError, match=r"test\.bin in .* must hold 3073 bytes for each"):
        cifar.read(file, ["label"], remedy=REMEDY)


X = np.zeros((4, 4, 3, 2), np.uint8)
BAD_MATS = {
    "no images": ({"y": [[1], [2]]}, "must hold images as `X`"),
    "no labels": ({"X": X}, "must hold 2 numbers as `y`"),
    "more labels": ({"X": X, "y": [[1], [2], [3]]}, "must hold 2 numbers as `y`"),
    "float images": ({"X": X.astype(float), "y": [[1], [2]]}, "must hold images as `X`, uint8"),
    "flat images": ({"X": X[0], "y": [[1], [2]]}, "must hold images as `X`"),
    "objects": ({"X": X.astype(object), "y": [[1], [2]]}, "must hold images as `X`"),
    "objects as labels": ({"X": X, "y": np.array([["a"], [{}]], object)}, "must hold 2 numbers as"),
    "text as labels": ({"X": X, "y": ["a", "b"]}, "must hold 2 numbers as `y`"),
    "halves": ({"X": X, "y": [[1.5], [2.0]]}, "must hold whole numbers"),
}


@pytest.mark.parametrize(("held", "message"), BAD_MATS.values(), ids=BAD_MATS)
def test_other_matlab_files_are_refused(tmp_path, held, message):
    file = tmp_path / "test_32x32.mat"
    scipy.io.savemat(file, held)
    with pytest.raises(DamagedFileError, match=rf"{file} {message}.* {REMEDY}"):
        mat.read(file, remedy=REMEDY)


def test_absurd_matlab_files_are_refused(tmp_path, monkeypatch):
    file = tmp_path / "test_32x32.mat"
    scipy.io.savemat(file, {"X": X, "y": [[1.0], [2.0]]})
    monkeypatch.setattr(mat, "MOST", 90)
    with pytest.raises(DamagedFileError, match="claims to hold"):
        mat.read(file, remedy=REMEDY)


@pytest.mark.parametrize("cut", [0, 10, 150, -10])
def test_damaged_matlab_files_are_named(tmp_path, cut):
    file = tmp_path / "test_32x32.mat"
    random = np.random.default_rng(0).integers(0, 256, (4, 4, 3, 2), np.uint8)
    scipy.io.savemat(file, {"X": random, "y": [[1.0], [2.0]]}, do_compression=True)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DamagedFileError, match=rf"{file} (is damaged|must hold).* {REMEDY}"):
        mat.read(file, remedy=REMEDY)


@pytest.mark.parametrize("number", [0, 11, 200])
def test_svhn_numbers_its_digits_from_1_to_10(tmp_path, root, number):
    make_svhn_cropped(tmp_path)
    numbers = np.full((30, 1), number, np.uint8)
    held = {"X": np.zeros((32, 32, 3, 30), np.uint8), "y": numbers}
    scipy.io.savemat(tmp_path / "train_32x32.mat", held)
    facts = facts_of("svhn_cropped", originals=originals_in(tmp_path, "svhn_cropped"))
    with pytest.raises(DamagedFileError, match="must have 30 numbers below 10 as `label`"):
        Tiny(tmp_path, facts, {}).read("train", tmp_path, root=root)
