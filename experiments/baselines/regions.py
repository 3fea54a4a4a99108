"""Segmentation without a network: regions of another color than the edge of the picture.

The colors of the pixels along the edge are the background's: a normal distribution in CIELAB. What
is far from it, by Otsu's threshold of the Mahalanobis distance, is an object; connected pixels are
one. Its class is that whose mean garment is the nearest to what the region cuts out of the picture,
scaled to 28 x 28. The means are those of training scenes, cut out by their true masks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.ndimage
from skimage import color, filters, measure, morphology, transform

from cnn_jax.tasks import segmentation

EDGE = 2  # pixels
SMALLEST = 30  # pixels of a region
SIDE = 28  # of a cut-out
REACHES = range(1, 7)  # pixels on both sides of an edge
Classify = Callable[[np.ndarray, np.ndarray], int]


def parts(image: np.ndarray) -> np.ndarray:
    """Number the regions of an image (h, w, 3) uint8: (h, w), 0 for the background."""
    lab = color.rgb2lab(image)
    edge = np.ones(lab.shape[:2], bool)
    edge[EDGE:-EDGE, EDGE:-EDGE] = False
    behind = lab[edge]
    spread = np.cov(behind.T) + np.eye(3)  # 1 is about what an eye can tell
    away = lab - behind.mean(0)
    distance = np.sqrt(np.einsum("hwi,ij,hwj->hw", away, np.linalg.inv(spread), away))
    solid = morphology.opening(distance > filters.threshold_otsu(distance), morphology.disk(1))
    return separated(scipy.ndimage.binary_fill_holes(solid))


def separated(solid: np.ndarray) -> np.ndarray:
    """Number the connected regions of a mask (h, w) that are not too small: (h, w), from 1."""
    numbered = np.asarray(measure.label(solid, connectivity=1))
    large = np.bincount(numbered.ravel()) >= SMALLEST
    return np.where(large[numbered], numbered, 0)


def cut(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Cut what a mask shows out of an image, in the middle of a square: (28, 28) in [0, 1]."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    light = np.where(mask[box], image[box].max(-1), 0).astype(np.float64)  # without its color
    height, width = light.shape
    side = max(height, width)
    above, left = (side - height) // 2, (side - width) // 2
    light = np.pad(light, ((above, side - height - above), (left, side - width - left)))
    return transform.resize(light, (SIDE, SIDE), anti_aliasing=side > SIDE) / max(light.max(), 1)


def nearest_mean(examples: Mapping[str, Any], classes: int) -> Classify:
    """Return `(image, mask) -> class`, that of the nearest mean of the cut-outs of scenes.

    Args:
        examples: `image`, `masks`, `boxes_valid` and `classes` of scenes, as NumPy arrays.
        classes: how many; one that no scene has is never the nearest.
    """
    sums, counts = np.zeros((classes, SIDE, SIDE)), np.zeros(classes)
    for scene, place in np.argwhere(examples["boxes_valid"]):
        kind = examples["classes"][scene, place]
        sums[kind] += cut(examples["image"][scene], examples["masks"][scene, place])
        counts[kind] += 1
    means = sums / np.maximum(counts, 1)[:, None, None]

    def classify(image, mask):
        distance = ((cut(image, mask)[None] - means) ** 2).sum((1, 2))
        return int(np.where(counts > 0, distance, np.inf).argmin())

    return classify


def labels(images: np.ndarray, classify: Classify) -> np.ndarray:
    """Label the pixels of images (n, h, w, 3): (n, h, w), 0 or 1 + the class of a region."""
    made = np.zeros(images.shape[:-1], np.int32)
    for image, label in zip(images, made):
        numbered = parts(image)
        for number in np.unique(numbered[numbered > 0]):
            label[numbered == number] = 1 + classify(image, numbered == number)
    return made


def trimaps(images: np.ndarray, examples: Mapping[str, Any], names: Sequence[str]) -> np.ndarray:
    """Label the pixels of images (n, h, w, 3): 1 in a region, 2 in a band along its edge, else 0.

    Args:
        images: uint8.
        examples: `image` and `mask` of others; the width of the band is that which suits them.
        names: of the three classes.
    """

    def banded(solids, reach):
        disk, made = morphology.disk(reach), np.zeros(solids.shape, np.int32)
        for solid, label in zip(solids, made):
            label[morphology.dilation(solid, disk)] = 2
            label[morphology.erosion(solid, disk)] = 1
        return made

    def right(reach):
        counts = confusion(examples["mask"], banded(of_examples, reach), 3)
        return segmentation.scores(counts, names)["miou"]

    of_examples, solids = (np.array([parts(i) > 0 for i in a]) for a in (examples["image"], images))
    return banded(solids, max(REACHES, key=right))


def confusion(true: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """Count the pixels of each true class (row) by said class: (classes, classes).

    Pixels whose true label is no class do not count.
    """
    counts = true < classes
    pairs = classes * true[counts].astype(np.int64) + said[counts]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def connected(logits: np.ndarray) -> dict[str, np.ndarray]:
    """Masks, scores and classes of connected pixels of a class, as `instances.decode` gives them.

    Args:
        logits: (n, height, width, 1 + classes), the background's first.

    Returns:
        As many for each picture as the most that one has. A score is the mean probability of the
        class in the mask.
    """
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    found = []
    for share in shares:
        label, parts = share.argmax(-1), []
        for kind in np.unique(label[label > 0]):
            numbered = separated(label == kind)
            for number in np.unique(numbered[numbered > 0]):
                mask = numbered == number
                parts.append((mask, share[mask, kind].mean(), kind - 1))
        found.append(parts)
    n, height, width, most = *logits.shape[:3], max(map(len, found), default=0)
    masks = np.zeros((n, most, height, width), bool)
    scores, classes = np.zeros((n, most), np.float32), np.zeros((n, most), np.int32)
    for scene, parts in enumerate(found):
        for place, part in enumerate(parts):
            masks[scene, place], scores[scene, place], classes[scene, place] = part
    return {"masks": masks, "scores": scores, "classes": classes}
