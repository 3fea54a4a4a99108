"""Folders of images: which files are which examples, in which split, and what is refused."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnn_jax import data

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 8, 3), np.uint8)


def save(file: Path, pixels: np.ndarray, **options) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, **options)


@pytest.fixture
def split_pets(tmp_path) -> Path:
    """Folders for splits; the class dog is in none but the first, zebra in none but the last."""
    root = tmp_path / "pets"
    names = "train/cat/b.png", "train/cat/a.PNG", "train/dog/c.bmp", "val/cat/d.png"
    for name, pixels in zip(names, PIXELS):
        save(root / name, pixels)
    save(root / "test/zebra/e.gif", PIXELS[4, ..., 0])
    return root


@pytest.fixture
def pets(tmp_path) -> Path:
    """No folders for splits, and images of many sizes."""
    root = tmp_path / "pets"
    for number in range(40):
        save(
            root / f"{'cat' if number % 2 else 'dog'}/{number}.png",
            PIXELS[number % 12, :, : 2 + number % 5],
        )
    return root


def test_splits_by_folder(split_pets):
    facts = data.info(split_pets)
    assert facts.counts == {"train": 3, "test": 1, "val": 1}
    assert facts.splits == ("train", "test", "val")
    assert facts.classes == ("cat", "dog", "zebra")
    assert facts.shape == (None, None, 3)
    assert facts.name == str(split_pets)
    train = data.load(split_pets, "train")
    np.testing.assert_array_equal(train.images, PIXELS[[1, 0, 2]])  # a, b, c
    assert train.labels.tolist() == [0, 0, 1]
    assert train.labels.dtype == np.int32
    assert data.load(split_pets, "test").labels.tolist() == [2]


def test_examples_are_those_of_load(split_pets):
    source, dataset = (f(str(split_pets), "train") for f in (data.source, data.load))
    for index, example in enumerate(source.__getitems__(range(3))):
        for name, array in dataset.examples.items():
            np.testing.assert_array_equal(example[name], array[index])
        assert example["label"].dtype == np.int32
    example = source[0]
    example["image"][:] = 0  # the caller's own
    assert source[0]["image"].any()


def test_every_way_to_name_it(split_pets, monkeypatch):
    monkeypatch.chdir(split_pets.parent)
    monkeypatch.setenv("HOME", str(split_pets.parent))
    monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")
    for name in (
        "./pets",
        "pets/",
        "../" + split_pets.parent.name + "/pets",
        "~/pets",
        Path("pets"),
    ):
        assert len(data.source(name, "train")) == 3
    monkeypatch.chdir(split_pets)
    assert data.info(".").classes == ("cat", "dog", "zebra")
    source = data.source(Path("."), "train")
    monkeypatch.chdir("/")  # a worker may be elsewhere
    assert pickle.loads(pickle.dumps(source))[0]["image"].shape == (6, 8, 3)


def files_of(root, split):
    return set(data.source(root, split).records.files)


def test_the_split_by_hash_is_fixed(pets):
    train, test = (files_of(pets, split) for split in ("train", "test"))
    assert test == {"cat/25.png", "dog/26.png"}  # `sha256sum` of the paths says so
    assert train | test == {str(file.relative_to(pets)) for file in pets.rglob("*.png")}
    assert not train & test
    for number in range(40, 140):
        save(pets / f"cow/{number}.png", PIXELS[0])
    assert files_of(pets, "train") > train
    assert files_of(pets, "test") > test
    for file in test:
        (pets / file).unlink()
    assert files_of(pets, "train") > train


def test_about_one_in_ten_is_for_testing(tmp_path):
    for number in range(2000):
        (tmp_path / "cat").mkdir(exist_ok=True)
        (tmp_path / f"cat/{number}.png").touch()
    assert 170 <= data.info(tmp_path).counts["test"] <= 230  # 2 standard deviations are 27


def test_an_accent_is_hashed_alike_on_every_machine(tmp_path):
    from cnn_jax.data.folders._layout import split_of

    for number in range(50):
        assert split_of(f"caf\u00e9/{number}.png") == split_of(f"cafe\u0301/{number}.png")


def test_what_is_no_image_is_skipped(split_pets):
    before = [files_of(split_pets, split) for split in ("train", "val", "test")]
    for name in (
        "readme.txt",
        ".DS_Store",
        "train/._b.png",
        "train/cat/.hidden.png",
        "train/x.csv",
    ):
        (split_pets / name).write_text("text")
    for name in (".git/cat", "__MACOSX/train/cat", "train/.cache"):
        save(split_pets / name / "a.png", PIXELS[0])
    assert [files_of(split_pets, split) for split in ("train", "val", "test")] == before


def empty(root):
    (root / "train/cow").mkdir()


def empty_split(root):
    (root / "more").mkdir()


def image_beside_folders(root):
    save(root / "train/x.png", PIXELS[0])


def deeper(root):
    save(root / "train/cat/more/x.png", PIXELS[0])


def two_depths(root):
    save(root / "cow/x.png", PIXELS[0])


def outside(root):
    save(root.parent / "secret.png", PIXELS[0])
    (root / "train/cat/x.png").symlink_to(root.parent / "secret.png")


def outside_folder(root):
    save(root.parent / "secret/x.png", PIXELS[0])
    (root / "train/cow").symlink_to(root.parent / "secret")


def above(root):
    (root / "train/cow").symlink_to("../..", target_is_directory=True)


def circle(root):
    (root / "loop").symlink_to(".", target_is_directory=True)


WRONG_LAYOUTS = {
    empty: r"train/cow has no images: images must lie in .*pets/CLASS/ or in .*pets/SPLIT/CLASS/\.",
    empty_split: r"pets/more has no images: images must lie in",
    image_beside_folders: r"pets/train has both images and folders \(cat\): images must lie in",
    deeper: r"train/cat must have images and no folders; it has more: images must lie in",
    two_depths: r"must have images at one depth; cow has images, and val has folders: images must",
    outside: r"train/cat/x\.png must lead to a place in .*; it is a link to .*secret\.png\.",
    outside_folder: r"train/cow must lead to a place in .*; it is a link to .*secret\.",
    above: r"train/cow must lead to a place in .*; it is a link to ",
    circle: r"loop/loop must have images and no folders; it has loop|loop/train must have images",
}


@pytest.mark.parametrize("change", WRONG_LAYOUTS, ids=lambda change: change.__name__)
def test_wrong_layouts(split_pets, change):
    change(split_pets)
    with pytest.raises(ValueError, match=WRONG_LAYOUTS[change]):
        data.source(split_pets, "train")


def test_links_inside_are_followed(split_pets):
    (split_pets / "train/cat/z.png").symlink_to("../../val/cat/d.png")
    (split_pets / "train/zebra").symlink_to(split_pets / "test/zebra")
    link = split_pets.parent / "link"
    link.symlink_to(split_pets)
    train = data.load(link, "train", size=(6, 8))
    np.testing.assert_array_equal(train.images[:4], PIXELS[[1, 0, 3, 2]])
    assert train.labels.tolist() == [0, 0, 0, 1, 2]


def test_wrong_calls(split_pets, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.png").touch()
    for error, name, options, text in (
        (FileNotFoundError, "./nowhere", {}, "There is no folder "),
        (FileNotFoundError, "no/where", {}, f"no/where, and no set no/where in {tmp_path}"),
        (NotADirectoryError, tmp_path / "file.png", {}, "file.png must be a folder; it is a file."),
        (
            ValueError,
            tmp_path / "empty",
            {},
            "empty has no folders with images: images must lie in",
        ),
        (
            ValueError,
            split_pets,
            {"folder": "/data"},
            "`folder` must be left out where `name` is a",
        ),
        (ValueError, split_pets, {"channels": 2}, "`channels` must be one of 1, 3; got 2."),
        (ValueError, split_pets, {"size": (1, 2, 3)}, "`size` must be an int or 2 ints, one per"),
        (ValueError, split_pets, {"size": (0, 2)}, "`size` must be at least 1 on every axis"),
        (TypeError, split_pets, {"size": 2.5}, "`size` must be an int or 2 ints"),
    ):
        with pytest.raises(error, match=re.escape(text)):
            data.load(name, "train", **options)
    with pytest.raises(
        ValueError, match="`split` must be one of 'train', 'test', 'val'; got 'dev'"
    ):
        data.load(split_pets, "dev")


def test_the_folder_of_a_plain_name_is_hinted_at(split_pets, monkeypatch):
    monkeypatch.chdir(split_pets.parent)
    with pytest.raises(ValueError, match=r"`name` must be '\./pets' for the folder of that name"):
        data.load("pets", "train")


def test_images_of_many_sizes_need_a_size(pets):
    message = r"`size` must be given, .* picture .*/cat/13\.png has \(6, 5, 3\), .* \(6, 3, 3\)"
    with pytest.raises(ValueError, match=message):
        data.load(pets, "train")
    assert data.load(pets, "train", size=5).images.shape == (38, 5, 5, 3)
    gray = data.source(pets, "test", size=(4, 3), channels=1)
    assert gray.info.shape == (4, 3, 1)
    assert {example["image"].shape for example in gray} == {(4, 3, 1)}
