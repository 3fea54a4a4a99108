"""Preparing with TFDS: equal arrays, whole or not at all, every damage named, nothing printed."""

import shutil
import sys
import threading

import numpy as np
import pytest

from cnn_jax.data import DamagedFileError
from cnn_jax.data.fashion_mnist import _prepared

from .conftest import flip_bit

SPLITS = ("train", "test")


def assert_equal(arrays, expected):
    for array, right in zip(arrays, expected, strict=True):
        assert array.dtype == right.dtype
        np.testing.assert_array_equal(array, right)


def test_from_a_folder(tiny, root, capfd):
    builder = tiny.builder()
    for split in SPLITS:
        images, labels = _prepared.read(split, tiny.folder, root=root, builder=builder)
        assert_equal((images, labels), tiny.arrays[split])
        assert images.flags.writeable
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in root.iterdir()] == ["fashion_mnist"]  # no temporary folder stays


def test_from_debians_folder(tiny, root):
    builder = tiny.builder(debian=tiny.folder)
    assert_equal(_prepared.read("test", root=root, builder=builder), tiny.arrays["test"])


def test_is_prepared_only_once(tiny, root):
    _prepared.read("train", tiny.folder, root=root, builder=tiny.builder())
    shutil.rmtree(tiny.folder)
    arrays = _prepared.read("test", root=root, builder=tiny.builder())
    assert_equal(arrays, tiny.arrays["test"])


def test_does_not_need_tensorflow(tiny, root, monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    _prepared.read("train", tiny.folder, root=root, builder=tiny.builder())
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_a_bad_original_is_named_and_nothing_is_prepared(tiny, root, damaged_copy, name):
    folder = damaged_copy(name, flip_bit)
    with pytest.raises(DamagedFileError, match=f"damaged/{name} is .* give another `folder`"):
        _prepared.read("train", folder, root=root, builder=tiny.builder())
    assert not root.exists() or not list(root.iterdir())


def test_a_bad_original_is_named_even_when_prepared_before(tiny, root, damaged_copy):
    _prepared.read("test", tiny.folder, root=root, builder=tiny.builder())
    folder = damaged_copy("t10k-images-idx3-ubyte.gz", flip_bit)
    with pytest.raises(DamagedFileError, match="t10k-images"):
        _prepared.read("test", folder, root=root, builder=tiny.builder())


def test_a_missing_original_is_named(tiny, root, damaged_copy):
    folder = damaged_copy("t10k-labels-idx1-ubyte.gz", lambda file: file.unlink())
    with pytest.raises(FileNotFoundError, match=r"lacks t10k-labels-idx1-ubyte.gz\.$"):
        _prepared.read("train", folder, root=root, builder=tiny.builder())


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [flip_bit, truncate, lambda file: file.unlink()])
@pytest.mark.parametrize("pattern", ["*test.array_record*", "dataset_info.json"])
def test_a_bad_prepared_file_is_named_and_can_be_made_anew(tiny, root, pattern, damage):
    builder = tiny.builder()
    _prepared.read("test", tiny.folder, root=root, builder=builder)
    folder = root / "fashion_mnist" / "1.0.0"
    (file,) = folder.glob(pattern)
    damage(file)
    with pytest.raises(DamagedFileError, match=f"{file.name} .* Delete {folder}"):
        _prepared.read("test", root=root, builder=builder)
    shutil.rmtree(folder)  # as the message says
    arrays = _prepared.read("test", tiny.folder, root=root, builder=builder)
    assert_equal(arrays, tiny.arrays["test"])


def test_an_interrupted_preparation_leaves_nothing(tiny, root):
    class Interrupted(tiny.builder(), skip_registration=True):
        name = "fashion_mnist"

        def _generate_examples(self, images, labels):
            for index, example in enumerate(super()._generate_examples(images, labels)):
                if index == 10:
                    raise KeyboardInterrupt
                yield example

    with pytest.raises(KeyboardInterrupt):
        _prepared.read("train", tiny.folder, root=root, builder=Interrupted)
    assert not list(root.iterdir())
    arrays = _prepared.read("train", tiny.folder, root=root, builder=tiny.builder())
    assert_equal(arrays, tiny.arrays["train"])


def test_when_another_process_was_faster_its_set_is_used(tiny, root):
    """The other one finishes while this one writes its first example."""
    fast = tiny.builder()

    class Slow(fast, skip_registration=True):
        name = "fashion_mnist"

        def _generate_examples(self, images, labels):
            other = threading.Thread(
                target=_prepared.read,
                args=("test", tiny.folder),
                kwargs={"root": root, "builder": fast},
            )
            other.start()
            other.join()
            yield from super()._generate_examples(images, labels)

    arrays = _prepared.read("test", tiny.folder, root=root, builder=Slow)
    assert_equal(arrays, tiny.arrays["test"])
    assert [path.name for path in root.iterdir()] == ["fashion_mnist"]


def test_a_root_that_cannot_be_written(tiny, tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match=str(file)) as error:
        _prepared.read("test", tiny.folder, root=file, builder=tiny.builder())
    assert "set CNN_JAX_DATA" in error.value.__notes__[0]


def test_where_prepared_sets_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_JAX_DATA", str(tmp_path))
    assert _prepared.default_root() == tmp_path
    monkeypatch.setenv("CNN_JAX_DATA", "")
    monkeypatch.setenv("CNN_JAX_CACHE", str(tmp_path / "cache"))
    assert _prepared.default_root() == tmp_path / "cache" / "datasets"
    monkeypatch.delenv("CNN_JAX_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _prepared.default_root() == tmp_path / ".cache" / "cnn_jax" / "datasets"
