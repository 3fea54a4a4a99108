"""Preparing with TFDS: equal arrays, whole or not at all, every damage named, nothing printed."""

import shutil
import sys
import threading

import pytest

from cnn_jax.data import DamagedFileError, preparing
from cnn_jax.data.sets import Debian

from .conftest import assert_equal, flip_bit

SPLITS = ("train", "test")


def test_from_a_folder(tiny, root, capfd):
    for split in SPLITS:
        assert_equal(tiny.read(split, tiny.folder, root=root), tiny.arrays[split])
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in root.iterdir()] == ["fashion_mnist"]  # no temporary folder stays


def test_from_debians_folder(tiny, root):
    debian = Debian("dataset-fashion-mnist", tiny.folder)
    assert_equal(tiny.read("test", root=root, debian=debian), tiny.arrays["test"])


def test_is_prepared_only_once(tiny, root):
    tiny.read("train", tiny.folder, root=root)
    shutil.rmtree(tiny.folder)
    assert_equal(tiny.read("test", root=root), tiny.arrays["test"])


def test_does_not_need_tensorflow(tiny, root, monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    tiny.read("train", tiny.folder, root=root)
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_a_bad_original_is_named_and_nothing_is_prepared(tiny, root, damaged_copy, name):
    folder = damaged_copy(name, flip_bit)
    with pytest.raises(DamagedFileError, match=f"damaged/{name} is .* give another `folder`"):
        tiny.read("train", folder, root=root)
    assert not root.exists() or not list(root.iterdir())


def test_a_bad_original_is_named_even_when_prepared_before(tiny, root, damaged_copy):
    tiny.read("test", tiny.folder, root=root)
    folder = damaged_copy("t10k-images-idx3-ubyte.gz", flip_bit)
    with pytest.raises(DamagedFileError, match="t10k-images"):
        tiny.read("test", folder, root=root)


def test_a_missing_original_is_named(tiny, root, damaged_copy):
    folder = damaged_copy("t10k-labels-idx1-ubyte.gz", lambda file: file.unlink())
    with pytest.raises(FileNotFoundError, match=r"lacks t10k-labels-idx1-ubyte.gz\.$"):
        tiny.read("train", folder, root=root)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [flip_bit, truncate, lambda file: file.unlink()])
@pytest.mark.parametrize("pattern", ["*test.array_record*", "dataset_info.json"])
def test_a_bad_prepared_file_is_named_and_can_be_made_anew(tiny, root, pattern, damage):
    tiny.read("test", tiny.folder, root=root)
    folder = root / "fashion_mnist" / "1.0.0"
    (file,) = folder.glob(pattern)
    damage(file)
    with pytest.raises(DamagedFileError, match=f"{file.name} .* Delete {folder}"):
        tiny.read("test", root=root)
    shutil.rmtree(folder)  # as the message says
    arrays = tiny.read("test", tiny.folder, root=root)
    assert_equal(arrays, tiny.arrays["test"])


def test_an_interrupted_preparation_leaves_nothing(tiny, root):
    class Interrupted(preparing.builder_of(tiny.facts), skip_registration=True):
        name = "fashion_mnist"

        def _generate_examples(self, arrays):
            for index, example in enumerate(super()._generate_examples(arrays)):
                if index == 10:
                    raise KeyboardInterrupt
                yield example

    with pytest.raises(KeyboardInterrupt):
        tiny.read("train", tiny.folder, root=root, builder=Interrupted)
    assert not list(root.iterdir())
    arrays = tiny.read("train", tiny.folder, root=root)
    assert_equal(arrays, tiny.arrays["train"])


def test_when_another_process_was_faster_its_set_is_used(tiny, root):
    """The other one finishes while this one writes its first example."""

    class Slow(preparing.builder_of(tiny.facts), skip_registration=True):
        name = "fashion_mnist"

        def _generate_examples(self, arrays):
            other = threading.Thread(
                target=tiny.read,
                args=("test", tiny.folder),
                kwargs={"root": root},
            )
            other.start()
            other.join()
            yield from super()._generate_examples(arrays)

    arrays = tiny.read("test", tiny.folder, root=root, builder=Slow)
    assert_equal(arrays, tiny.arrays["test"])
    assert [path.name for path in root.iterdir()] == ["fashion_mnist"]


def test_a_root_that_cannot_be_written(tiny, tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match=str(file)) as error:
        tiny.read("test", tiny.folder, root=file)
    assert "set CNN_JAX_DATA" in error.value.__notes__[0]


def test_where_prepared_sets_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_JAX_DATA", str(tmp_path))
    assert preparing.default_root() == tmp_path
    monkeypatch.setenv("CNN_JAX_DATA", "")
    monkeypatch.setenv("CNN_JAX_CACHE", str(tmp_path / "cache"))
    assert preparing.default_root() == tmp_path / "cache" / "datasets"
    monkeypatch.delenv("CNN_JAX_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert preparing.default_root() == tmp_path / ".cache" / "cnn_jax" / "datasets"
