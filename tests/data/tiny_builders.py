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
