"""Small sets as TFDS prepares them, without TensorFlow."""

import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

N = {"train": 5, "test": 2}
BOX = (0.125, 0.25, 0.5, 1.0)


def picture(split, index, channels=3):
    """Another size for each index."""
    random = np.random.default_rng([N[split], index, channels])
    high = 256 if channels == 3 else 3
    return random.integers(0, high, (8 + index, 10, channels), np.uint8)


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(stream, "PNG")
    return io.BytesIO(stream.getvalue())


class TinyPets(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A set with every feature that pictures have."""

    VERSION = tfds.core.Version("1.2.0")
    name = "tiny_pets"

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "breed": tfds.features.ClassLabel(num_classes=2),
            "label": tfds.features.ClassLabel(names=["cat", "dog", "cow"]),
            "segmentation_mask": tfds.features.Image(shape=(None, None, 1), use_colormap=True),
            "portrait": tfds.features.Image(shape=(None, None, 3)),
            "file_name": tfds.features.Text(),
            "objects": tfds.features.Sequence(
                {
                    "bbox": tfds.features.BBoxFeature(),
                    "label": tfds.features.ClassLabel(names=["head", "tail"]),
                }
            ),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description="Pets of all kinds.\nMore about them.",
            features=tfds.features.FeaturesDict(features),
            homepage="https://pets.org",
            citation="@article{pets2020}",
            license="CC BY 4.0",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in reversed(N)}

    def _generate_examples(self, split):
        for index in range(N[split]):
            thing = {"bbox": tfds.features.BBox(*BOX), "label": index % 2}
            yield (
                index,
                {
                    "image": png(picture(split, index)),
                    "breed": index % 2,
                    "label": index % 3,
                    "segmentation_mask": png(picture(split, index, 1)),
                    "portrait": png(picture(split, index)),
                    "file_name": f"{split} {index}",
                    "objects": [thing] * index,
                },
            )


class Sentences(TinyPets, skip_registration=True):
    """A set without pictures."""

    name = "sentences"

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _generate_examples(self, split):
        yield 0, {"text": f"{split} it"}


class Digits(TinyPets, skip_registration=True):
    """A set of gray pictures of two sizes."""

    name = "digits"

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 1)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, split):
        for index in range(N[split]):
            pixels = np.full((4 + index % 2, 6, 1), 7 * index, np.uint8)
            yield index, {"image": png(pixels), "label": index}


def prepare(folder, name, features, examples, config=None):
    """Prepare a set of any features, as TFDS does.

    Args:
        folder: where to; with ``name/config/5.0.0`` in it, or ``name/5.0.0``.
        name: of the set.
        features: of its examples, by name.
        examples: a list of examples for each split.
        config: the name of one, if the set has such.
    """

    def info(self):
        found = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(builder=self, features=found, disable_shuffling=True)

    parts = {"VERSION": tfds.core.Version("5.0.0"), "name": name, "_info": info}
    parts["_split_generators"] = lambda self, manager: {s: enumerate(examples[s]) for s in examples}
    parts["_generate_examples"] = None
    if config is not None:
        parts["BUILDER_CONFIGS"] = [tfds.core.BuilderConfig(name=config, version="5.0.0")]
    kind = type(tfds.core.GeneratorBasedBuilder)(
        name, (tfds.core.GeneratorBasedBuilder,), parts, skip_registration=True
    )
    kind(data_dir=folder).download_and_prepare(file_format="array_record")


def features_of(name):
    """The features of a real set, as TFDS tells them; nothing is downloaded.

    TFDS cannot tell those of COCO without TensorFlow: they are written here as in its file.
    """
    if not name.startswith("coco"):
        return dict(tfds.builder(name, data_dir="/nowhere").info.features)
    objects = {
        "id": np.int64,
        "area": np.int64,
        "bbox": tfds.features.BBoxFeature(),
        "label": tfds.features.ClassLabel(names=["person", "kite", "truck"]),
        "is_crowd": np.bool_,
    }
    return {
        "image": tfds.features.Image(encoding_format="jpeg"),
        "image/filename": tfds.features.Text(),
        "image/id": np.int64,
        "objects": tfds.features.Sequence(objects),
    }
