"""`--data`: commands that train on sets which TFDS has prepared, here tiny ones of the same form.

Pictures are made so that the truth can be told from them: a bright object on a dark ground.
"""

import json
import re
from pathlib import Path

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds

from cnn_jax import training
from cnn_jax.tasks import detection, segmentation
from experiments import detect, instances, segment
from experiments.baselines import regions
from experiments.data import real_sets
from experiments.running.options import RunError

from ..data.tiny_builders import features_of, png, prepare
from .runs import error_of, metrics, slow

COUNTS = {"train": 24, "validation": 16, "test": 16}
HERE = {"smoke": True, "devices": 1, "algorithm": "xla", "epochs": 1, "batch_size": 8}


def pictured(rng):
    """A picture with a bright rectangle, and the rectangle: top, left, bottom, right."""
    height, width = (int(n) for n in rng.integers(40, 60, 2))
    top, left = (int(n) for n in rng.integers(4, 12, 2))
    bottom, right = height - int(rng.integers(6, 12)), width - int(rng.integers(6, 12))
    image = rng.integers(0, 60, (height, width, 3)).astype(np.uint8)
    image[top:bottom, left:right] += 150
    return image, (top, left, bottom, right)


def relative(box, image):
    sides = np.array(image.shape[:2] * 2, np.float64)
    return tfds.features.BBox(*(np.array(box) / sides))


def voc(image, box):
    thing = {"bbox": relative(box, image), "pose": 0, "is_truncated": 0, "is_difficult": 0}
    name = "dog" if box[0] % 2 else "cat"
    return {
        "image": png(image),
        "image/filename": "1.jpg",
        "objects": [{**thing, "label": name}],
        "labels": [name],
        "labels_no_difficult": [name],
    }


def pet(image, box):
    trimap = np.full((*image.shape[:2], 1), 2, np.uint8)
    top, left, bottom, right = box
    trimap[top - 2 : bottom + 2, left - 2 : right + 2] = 3
    trimap[top + 2 : bottom - 2, left + 2 : right - 2] = 1
    made = {"image": png(image), "label": 3, "species": 1, "file_name": "1.jpg"}
    return {**made, "segmentation_mask": png(trimap), "head_bbox": relative(box, image)}


def panoptic(image, box):
    ids = np.full((*image.shape[:2], 3), (0, 0, 7), np.uint8)
    top, left, bottom, right = box
    ids[top:bottom, left:right] = (5, 1, 2)  # 5 + 256 + 2 * 256**2
    ids[:2, :2] = 9
    thing = {"bbox": relative(box, image), "is_crowd": False, "area": 500}
    objects = [
        {**thing, "id": 7 * 256**2, "label": "grass", "area": 2000},
        {**thing, "id": 5 + 256 + 2 * 256**2, "label": "dog" if top % 2 else "person"},
        {**thing, "id": 9 * (1 + 256 + 256**2), "label": "person", "is_crowd": True},
    ]
    made = {"image": png(image), "image/filename": "1.jpg", "image/id": 1}
    return {
        **made,
        "panoptic_image": png(ids),
        "panoptic_image/filename": "1.png",
        "panoptic_objects": objects,
    }


def panoptic_features():
    """Those of coco/2017_panoptic, with few of its classes: things, and last what is none."""
    made = features_of("coco/2017")
    objects = dict(made.pop("objects").feature)
    names = ["person", "dog", *(f"thing {n}" for n in range(78)), "grass"]
    objects["label"] = tfds.features.ClassLabel(names=names)
    made["panoptic_image"] = tfds.features.Image(encoding_format="png")
    made["panoptic_image/filename"] = tfds.features.Text()
    return {**made, "panoptic_objects": tfds.features.Sequence(objects)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("prepared"), np.random.default_rng(0)
    pictures = {split: [pictured(rng) for _ in range(count)] for split, count in COUNTS.items()}
    for name, config, features, example, splits in (
        ("voc", "2007", features_of("voc/2007"), voc, ("train", "validation", "test")),
        ("oxford_iiit_pet", None, features_of("oxford_iiit_pet"), pet, ("train", "test")),
        ("coco", "2017_panoptic", panoptic_features(), panoptic, ("train", "validation")),
    ):
        made = {split: [example(*picture) for picture in pictures[split]] for split in splits}
        if name == "voc":  # as in VOC 2012
            made["test"] = [{**one, "objects": []} for one in made["test"]]
        prepare(folder, name, features, made, config)
    plain = {"image": tfds.features.Image()}
    without = {split: [{"image": png(pictures["test"][0][0])}] for split in ("train", "test")}
    prepare(folder, "no_boxes", plain, without)
    return folder


def config_of(experiment, folder, **options):
    return experiment.Config(**{**HERE, "folder": folder, "size": 32, **options})


@pytest.mark.parametrize(
    ("experiment", "name", "pictures"),
    [
        pytest.param(detect, "voc", ["detections.png", "baseline.png"], marks=slow),
        (segment, "oxford_iiit_pet", ["segments.png"]),
        pytest.param(instances, "coco", ["masks.png", "baseline.png"], marks=slow),
    ],
)
def test_a_run_on_a_real_set(experiment, name, pictures, folder, tmp_path):
    result = experiment.main(config_of(experiment, folder, data=name, workdir=tmp_path))
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["metrics"] == result.metrics
    assert written["config"]["data"] == name
    assert len(metrics(tmp_path)) == 1
    assert all((tmp_path / picture).exists() for picture in [*pictures, "curves.png"])
    if experiment is segment:
        of_classes = {f"iou of {part}" for part in ("background", "pet", "border")}
        assert set(result.metrics) >= of_classes
        assert result.baseline["miou"] > 0.6  # a bright pet on a dark ground


def test_boxes_lie_on_the_pictures(folder):
    found = real_sets.boxes(config_of(detect, folder, data="voc"), 10)
    assert len(found.names) == 20
    assert {name: found.truth[name].shape for name in ("image", "boxes")} == {
        "image": (16, 32, 32, 3),
        "boxes": (16, 64, 4),
    }
    assert found.train["image"].shape == (24, 32, 32, 3)
    assert found.some(None, 7)["boxes"].shape == (7, 64, 4)
    new = found.new({n: v[:8] for n, v in found.train.items()}, jax.random.key(0))
    for truth in (found.truth, jax.device_get(new)):
        assert truth["boxes_valid"].sum(1).tolist() == [1] * len(truth["image"])
        for image, box in zip(truth["image"], truth["boxes"][:, 0]):
            top, left, bottom, right = box.round().astype(int)
            light = image.mean(-1)
            assert light[top + 2 : bottom - 2, left + 2 : right - 2].mean() > 150
            outside = light.sum() - light[top:bottom, left:right].sum()
            assert outside / (32 * 32) < 40
    names = {found.names[kinds[0]] for kinds in found.truth["classes"]}
    assert names == {"cat", "dog"}
    losses, _ = jax.jit(detection.loss())(np.zeros((8, 8, 8, 24), np.float32), detect.seen(new))
    assert np.isfinite(losses).all()


def test_pixels_of_pets_are_background_pet_or_border(folder):
    found = real_sets.masks(config_of(segment, folder, data="oxford_iiit_pet"), 16)
    assert found.names == ("background", "pet", "border")
    assert set(np.unique(found.truth["mask"])) == {0, 1, 2}
    light = found.truth["image"].mean(-1)
    assert light[found.truth["mask"] == 1].mean() > 150
    assert light[found.truth["mask"] == 0].mean() < 40
    new = found.new({n: v[:8] for n, v in found.train.items()}, jax.random.key(0))
    assert set(np.unique(new["mask"])) == {0, 1, 2, 255}  # 255 where the picture has been moved
    said = regions.trimaps(found.truth["image"], found.some(None, 8), found.names)
    counts = regions.confusion(found.truth["mask"], said, 3)
    assert segmentation.scores(counts, found.names)["miou"] > 0.6


def test_pixels_without_a_label_are_not_counted():
    true, said = np.array([[0, 255, 1]]), np.array([[0, 1, 0]])
    assert regions.confusion(true, said, 2).tolist() == [[1, 0], [1, 0]]


def test_masks_are_those_of_things_but_crowds(folder):
    found = real_sets.objects(config_of(instances, folder, data="coco"), 16)
    assert len(found.names) == 80
    new = found.new({n: v[:8] for n, v in found.train.items()}, jax.random.key(0))
    for truth in (found.truth, jax.device_get(new)):
        assert truth["boxes_valid"].sum(1).tolist() == [1] * len(truth["image"])
        inside = truth["masks"][:, 0]
        light = truth["image"].astype(float).mean(-1)
        assert light[inside].mean() > 150
        assert light[~inside].mean() < 40
    assert {found.names[kinds[0]] for kinds in found.truth["classes"]} == {"dog", "person"}


def test_what_does_not_fit_into_memory_is_a_stream(folder, monkeypatch):
    monkeypatch.setattr(real_sets, "IN_MEMORY", 1000)
    found = real_sets.boxes(config_of(detect, folder, data="voc"), 16)
    batches = training.batches(found.train, 8)
    assert isinstance(batches, training.Stream)
    (first, *_) = batches.in_order()
    assert first["boxes"].shape == (8, 64, 4)
    batches.close()


@pytest.mark.parametrize(
    ("experiment", "words", "text"),
    [
        (detect, ["coco/2017"], "coco/2017 is not prepared in FOLDER. TFDS prepares it with Te"),
        (detect, ["vok"], "`--data` must be one of our sets, or of those that TFDS has prepared"),
        (detect, ["no_boxes"], "`--data` must have boxes; no_boxes has none."),
        (detect, ["oxford_iiit_pet", "--test-split", "tets"], "`--test-split` must be one of"),
        (detect, ["voc", "--test-split", "test"], "`--test-split` must be a split with boxes; go"),
        (detect, ["voc", "--batch-size", "32"], "`--batch-size` must be in [1, 16], the pictures"),
        (segment, ["voc"], "`--data` must be one of oxford_iiit_pet; got voc."),
        (segment, ["oxford_iiit_pet:1.0.0"], "oxford_iiit_pet has, one of 5.0.0; got 'oxford_ii"),
        (instances, ["voc"], "as TFDS's coco/2017_panoptic has; voc has none."),
    ],
)
def test_a_mistake_is_told_what_to_do(
    experiment, words, text, folder, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    options = ["--folder", folder, "--smoke", "--epochs", "1", "--batch-size", "8", "--data"]
    error = error_of(monkeypatch, capsys, experiment, [*options, *words])
    assert text.replace("FOLDER", str(folder)) in " ".join(error.split())
    assert "Traceback" not in error


def test_options_of_sets_need_a_set():
    for name, value in (("folder", Path("sets")), ("test_split", "test")):
        text = f"`--{name.replace('_', '-')}` must be left out without `--data`; got {value}."
        with pytest.raises(RunError, match=re.escape(text)):
            detect.Config(**{name: value})
