"""`data.uniform`: pictures, masks and boxes of the same shapes, out of sets as TFDS has them."""

import pickle

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds

from cnn_jax import data, training
from cnn_jax.data import augment

from .tiny_builders import BOX, TinyPets, features_of, picture, png, prepare


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set with all features, and a few with those of the real ones."""
    folder = tmp_path_factory.mktemp("prepared")
    TinyPets(data_dir=folder).download_and_prepare(file_format="array_record")
    things = [
        {"bbox": tfds.features.BBox(*box), "label": label, "is_crowd": crowd, "id": 1, "area": 9}
        for box, label, crowd in (
            ((0.0, 0.0, 0.5, 0.5), "person", False),
            ((0.0, 0.0, 1.0, 1.0), "person", True),
            ((0.5, 0.25, 1.0, 1.0), "truck", False),
            ((0.25, 0.25, 0.25, 0.75), "kite", False),  # no area
            ((0.0, 0.5, 0.1, 0.6), "kite", False),
        )
    ]
    jpeg = png(picture("train", 1))
    made = [{"image": jpeg, "image/filename": "1", "image/id": 1, "objects": things}]
    made += [{**made[0], "image": png(picture("train", 2)), "objects": []}]
    prepare(folder, "coco", features_of("coco/2017"), {"train": made}, "2017")
    return folder


def test_all_parts_have_the_size_that_is_asked_for(folder):
    source = data.source("tiny_pets", "train", folder=folder)
    made = data.uniform(source, (16, 20), boxes=3)
    assert len(made) == len(source)
    assert made.info.shape == (16, 20, 3)
    assert made.info.labels == {"label": ("cat", "dog", "cow"), "classes": ("head", "tail")}
    for index, example in enumerate(made.__getitems__(range(5))):
        old = source[index]
        assert example["image"].shape == (16, 20, 3)
        assert example["image"].dtype == np.uint8
        np.testing.assert_allclose(example["image"].mean(), old["image"].mean(), atol=8)
        rows = ((np.arange(16) + 0.5) * old["image"].shape[0] / 16).astype(int)
        expected = old["segmentation_mask"][rows, :, 0].repeat(2, axis=1)
        np.testing.assert_array_equal(example["mask"], expected)
        valid = min(index, 3)
        assert example["boxes_valid"].tolist() == [n < valid for n in range(3)]
        box = np.array(BOX) * (16, 20, 16, 20)
        np.testing.assert_array_equal(example["boxes"], [box * (n < valid) for n in range(3)])
        assert example["classes"].tolist() == [index % 2 if n < valid else 0 for n in range(3)]
        assert example["label"] == index % 3
    assert made[1]["boxes"].dtype == np.float32


def test_crowds_and_boxes_without_an_area_are_left_out(folder):
    source = data.source("coco", "train", folder=folder)
    found = data.uniform(source, 100)[0]
    assert found["boxes"].shape == (100, 4)
    assert found["boxes"][found["boxes_valid"]].round(3).tolist() == [
        [0, 0, 50, 50],
        [50, 25, 100, 100],
        [0, 50, 10, 60],
    ]
    names = data.uniform(source, 8).info.labels["classes"]
    assert [names[kind] for kind in found["classes"][:3]] == ["person", "truck", "kite"]
    largest = data.uniform(source, 100, boxes=2)[0]
    assert [names[kind] for kind in largest["classes"]] == ["person", "truck"]
    assert not data.uniform(source, 8)[1]["boxes_valid"].any()


def test_one_box_in_each_picture(tmp_path):
    features = {"image": tfds.features.Image(), "head_bbox": tfds.features.BBoxFeature()}
    boxes = [tfds.features.BBox(0.5, 0.25, 1.0, 0.75), tfds.features.BBox(0.0, 0.0, 0.0, 0.0)]
    examples = [{"image": png(picture("train", 0)), "head_bbox": box} for box in boxes]
    prepare(tmp_path, "heads", features, {"test": examples})
    made = data.uniform(data.source("heads", "test", folder=tmp_path), 8, boxes=1)
    assert made.info.labels == {"classes": ("head",)}
    assert made[0]["boxes"].tolist() == [[4, 2, 8, 6]]
    assert [example["boxes_valid"].tolist() for example in (made[0], made[1])] == [[True], [False]]


def test_they_can_be_batched_augmented_and_sent_to_other_processes(folder):
    made = data.uniform(data.source("tiny_pets", "train", folder=folder), 16, boxes=4)
    copy = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(copy[3]["mask"], made[3]["mask"])
    assert copy.records.place(3) == made.records.place(3)
    (batch,) = training.batches(made, 5).in_order()
    flipped = augment.flip(1.0)(jax.random.key(0), batch)
    np.testing.assert_array_equal(flipped["mask"], np.asarray(batch["mask"])[:, :, ::-1])
    np.testing.assert_array_equal(flipped["boxes_valid"], batch["boxes_valid"])
    left = np.asarray(batch["boxes"])[4, :, 1]
    np.testing.assert_array_equal(np.asarray(flipped["boxes"])[4, :, 3], 16 - left)


def test_wrong_calls(folder):
    source = data.source("tiny_pets", "train", folder=folder)
    for arguments, text in (
        ((source, 0), "`size` must be "),
        ((source, (8, 8, 8)), "`size` must be "),
        ((data.source("mnist1d", "test"), 8), "`source` must have an `image` in its examples"),
    ):
        with pytest.raises(ValueError, match=text):
            data.uniform(*arguments)
    with pytest.raises(ValueError, match="`boxes` must be "):
        data.uniform(source, 8, boxes=0)
    with pytest.raises(TypeError, match=r"`source` must be a data\.Source; got 'coco'"):
        data.uniform("coco", 8)
