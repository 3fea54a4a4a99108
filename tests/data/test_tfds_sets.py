"""Sets that TFDS has prepared: found by their names, read as they are, without TensorFlow."""

import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnn_jax import data
from cnn_jax.data import tfds_sets

from .conftest import flip_bit
from .tiny_builders import BOX, Digits, N, Sentences, TinyPets, picture


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    TinyPets(data_dir=folder).download_and_prepare(file_format="array_record")
    return folder


@pytest.fixture
def folder(prepared, tmp_path) -> Path:
    """One that a test may change."""
    shutil.copytree(prepared / "tiny_pets", tmp_path / "data" / "tiny_pets")
    return tmp_path / "data"


def test_examples_are_what_was_prepared(prepared):
    for split, n in N.items():
        source = data.source("tiny_pets", split, folder=prepared)
        assert len(source) == n
        for index, example in enumerate(source.__getitems__(range(n))):
            assert example.keys() == set(TinyPets(data_dir=prepared).info.features)
            for name, channels in {"image": 3, "segmentation_mask": 1}.items():
                assert example[name].dtype == np.uint8
                np.testing.assert_array_equal(example[name], picture(split, index, channels))
            assert example["label"] == index % 3
            assert example["label"].dtype == example["breed"].dtype == np.int32
            assert example["file_name"] == f"{split} {index}".encode()
            boxes = np.reshape(example["objects"]["bbox"], (-1, 4))
            np.testing.assert_array_equal(boxes, np.reshape([BOX] * index, (-1, 4)))
            assert list(example["objects"]["label"]) == [index % 2] * index


def test_facts(prepared):
    assert data.info("tiny_pets", folder=prepared) == data.Info(
        name="tiny_pets",
        title="tiny_pets",
        description="Pets of all kinds.",
        counts=N,
        shape=(None, None, 3),
        labels={
            "label": ("cat", "dog", "cow"),
            "objects/label": ("head", "tail"),
            "breed": ("0", "1"),
        },
        license="CC BY 4.0",
        homepage="https://pets.org",
        citation="@article{pets2020}",
        masks=("segmentation_mask",),
        boxes=("objects/bbox",),
    )
    facts = data.info("tiny_pets", folder=prepared)
    assert facts.splits == ("train", "test")
    assert next(iter(facts.labels)) == "label"


def test_where_it_is_found(prepared, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    shutil.rmtree(folder)
    source = data.source("tiny_pets", "test")
    assert source.info.name == "tiny_pets"
    assert source.records.folder == prepared / "tiny_pets" / "1.2.0"
    assert len(data.source("tiny_pets:1.2.0", "test")) == 2
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "tensorflow_datasets").symlink_to(prepared)
    assert len(data.source("tiny_pets", "test")) == 2
    by_path = data.source(prepared / "tiny_pets" / "1.2.0", "test")
    assert by_path.info.name == str(prepared / "tiny_pets" / "1.2.0")
    np.testing.assert_array_equal(by_path[1]["image"], source[1]["image"])


def versions(folder, *names):
    """Copies of the set under the paths of other configs and versions."""
    for name in names:
        shutil.copytree(folder / "tiny_pets" / "1.2.0", folder / name)


def chosen(name, folder):
    return str(data.source(name, "test", folder=folder).records.folder.relative_to(folder))


def test_configs_and_versions(folder):
    versions(folder, "tiny_pets/1.10.0", "pets/small/1.0.0", "pets/small/2.0.0")
    (folder / "tiny_pets/2.0.0").mkdir()  # not complete
    versions(folder, "tiny_pets/incomplete.X_3.0.0")
    assert tfds_sets.names_in(folder) == ("pets/small", "tiny_pets")
    assert chosen("tiny_pets", folder) == "tiny_pets/1.10.0"
    assert chosen("tiny_pets:1.2.0", folder) == "tiny_pets/1.2.0"
    assert chosen("pets", folder) == "pets/small/2.0.0"
    assert chosen("pets/small:1.0.0", folder) == "pets/small/1.0.0"
    versions(folder, "pets/large/1.0.0")
    assert chosen("pets/large", folder) == "pets/large/1.0.0"
    for name, text in (
        ("pets", "`name` must say which config: one of 'pets/large', 'pets/small'; got 'pets'."),
        ("tiny_pets:7.0.0", "tiny_pets has, one of 1.2.0, 1.10.0; got 'tiny_pets:7.0.0'."),
        ("pets/huge", "which has pets/large, pets/small, tiny_pets; got 'pets/huge'."),
        ("tiny_pats", "got 'tiny_pats'. Did you mean 'tiny_pets'?"),
    ):
        with pytest.raises(ValueError, match=re.escape(text)):
            data.source(name, "test", folder=folder)


def test_unknown_names_are_compared_with_what_is_there(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    with pytest.raises(ValueError, match=r"s'; got 'tiny_pats'\. Did you mean 'tiny_pets'"):
        data.info("tiny_pats")
    with pytest.raises(ValueError, match=r"got 'kmnst'\. Did you mean 'kmnist'"):
        data.info("kmnst")


def test_what_is_not_prepared(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    text = (
        f"coco/2017 is not prepared in {tmp_path}. TFDS prepares it with TensorFlow, and without "
        "it is read: run `pip install tensorflow tensorflow-datasets` and `tfds build coco/2017 "
        "--file_format=array_record` in another environment or on any machine, and copy the folder "
        f"coco to {tmp_path}."
    )
    for options in ({}, {"folder": tmp_path}):
        with pytest.raises(FileNotFoundError, match=re.escape(text)):
            data.load("coco/2017", "train", **options)


def change_facts(folder, **changes):
    file = folder / "tiny_pets/1.2.0/dataset_info.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_another_format(folder):
    change_facts(folder, fileFormat="tfrecord")
    assert data.info("tiny_pets", folder=folder).counts == N
    place = folder / "tiny_pets/1.2.0"
    text = (
        f"{place} must be in the format array_record; it is in tfrecord. Where TensorFlow is "
        f"installed, run `tfds convert_format --dataset_version_dir={place} "
        "--out_file_format=array_record`, which adds it."
    )
    with pytest.raises(ValueError, match=re.escape(text)):
        data.source("tiny_pets", "train", folder=folder)
    change_facts(folder, alternativeFileFormats=["array_record"])  # as that command does
    assert data.source("tiny_pets", "train", folder=folder)[3]["file_name"] == b"train 3"


def test_damage_is_named(folder):
    place = folder / "tiny_pets/1.2.0"
    (shard,) = place.glob("*train.array_record*")
    flip_bit(shard)
    with pytest.raises(data.DamagedFileError, match=r"record \d of the train split in .*1\.2\.0"):
        list(data.source("tiny_pets", "train", folder=folder))
    shard.unlink()
    with pytest.raises(data.DamagedFileError, match=r"record 0 .* Prepare it anew, or copy it"):
        data.source("tiny_pets", "train", folder=folder)[0]
    (place / "features.json").write_text("{")
    with pytest.raises(data.DamagedFileError, match=r"1\.2\.0 cannot be read as a set that TFDS"):
        data.info("tiny_pets", folder=folder)


def test_a_size_would_leave_masks_and_boxes_behind(prepared):
    text = "`size` must be left out for tiny_pets: .*, and segmentation_mask, objects/bbox would no"
    with pytest.raises(ValueError, match=text):
        data.source("tiny_pets", "train", folder=prepared, size=4)
    gray = data.source("tiny_pets", "train", folder=prepared, channels=1)
    assert gray[2]["image"].shape == (10, 10, 1)
    assert gray.info.shape == (None, None, 1)
    with pytest.raises(ValueError, match="`size` must be given, because the images differ in size"):
        data.load("tiny_pets", "train", folder=prepared)


def test_wrong_calls(prepared):
    with pytest.raises(ValueError, match="`split` must be one of 'train', 'test'; got 'val'"):
        data.source("tiny_pets", "val", folder=prepared)
    with pytest.raises(ValueError, match="`folder` must be left out where `name` is a path"):
        data.source(prepared / "tiny_pets/1.2.0", "test", folder=prepared)


def test_pickles(prepared):
    source = data.source("tiny_pets", "train", folder=prepared)
    source[0]
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy[4]["image"], source[4]["image"])


def test_does_not_need_tensorflow_or_jax(prepared):
    code = (
        "import sys; from cnn_jax import data;"
        f"print(data.source('tiny_pets', 'train', folder={str(prepared)!r})[1]['file_name']);"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'jax')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "b'train 1'\n"


def test_without_pictures(tmp_path):
    Sentences(data_dir=tmp_path).download_and_prepare(file_format="array_record")
    source = data.source("sentences", "train", folder=tmp_path)
    assert source[0] == {"text": b"train it"}
    assert (source.info.shape, source.info.labels, source.info.license) == ((), {}, "none stated")
    with pytest.raises(ValueError, match=r"`label`; sentences has text\. Use `source`"):
        data.load("sentences", "train", folder=tmp_path)
    with pytest.raises(ValueError, match="`size` and `channels` are for images; sente"):
        data.source("sentences", "train", folder=tmp_path, size=3)


def test_gray_pictures(tmp_path):
    Digits(data_dir=tmp_path).download_and_prepare(file_format="array_record")
    assert data.info("digits", folder=tmp_path).masks == ()  # one channel alone makes no mask
    train = data.load("digits", "train", folder=tmp_path, size=(4, 3), channels=3)
    assert train.images.shape == (5, 4, 3, 3)
    assert sorted(train.images[:, 0, 0, 0]) == [0, 7, 14, 21, 28]
    assert (train.images[:, 0, 0, 0] == 7 * train.labels).all()
