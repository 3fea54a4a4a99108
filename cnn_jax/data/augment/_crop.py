"""Parts of pictures, pixel for pixel: `pad_crop` and `center_crop`."""

from collections.abc import Sequence

import jax
import numpy as np
from jax import lax

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax import geometry as windows
from cnn_jax.arguments import with_hints

from .parts import geometry
from .parts.batch import Augmentation, as_stored, per_example, without_key
from .parts.moving import mask_value, outside, places
from .parts.options import share, size_of


@with_hints
def pad_crop(
    padding: int | Sequence[int],
    *,
    padding_mode: windows.PaddingMode = "zeros",
    fill: float = 0.0,
    fill_mask: int = 0,
    min_visible: float = 0.0,
) -> Augmentation:
    """Pad each picture on all sides and cut out a part of its own size, at a place of its own.

    Every one of the `(2 * padding + 1)` places along an axis is equally likely.

    Args:
        padding: pixels at each side, or `(rows, columns)`.
        padding_mode: what lies there: ``"zeros"`` (then `fill` and `fill_mask`), ``"reflect"``,
            ``"replicate"`` or ``"circular"``, as for `functional.pad`. Boxes and keypoints are not
            repeated.
        fill: value of pixels from outside.
        fill_mask: label of pixels from outside.
        min_visible: the share of a box that must be left in the picture, else it is not valid.

    Returns:
        `(key, batch) -> batch`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    References:
        He et al., *Deep Residual Learning for Image Recognition*, 2015, arXiv:1512.03385, section
        4.2: with 4 pixels for CIFAR-10.

    Example:
        >>> batch = {"image": np.ones((8, 32, 32, 3), np.uint8)}
        >>> pad_crop(4)(jax.random.key(0), batch)["image"].shape
        (8, 32, 32, 3)
    """
    pad = arguments.per_axis("padding", padding, 2, "`image`", at_least=0)
    zeros = windows.padding_mode(padding_mode) == "zeros"
    rules = outside(fill=fill, fill_mask=fill_mask, min_visible=min_visible)

    def one(key, example):
        image = example["image"]
        size = image.shape[0], image.shape[1]
        places_of_crop = 2 * np.array(pad, np.int32) + 1
        corner = jax.random.randint(key, (2,), 0, places_of_crop)

        def cut(maps, value):
            sides, value = tuple((p, p) for p in pad), value if zeros else 0
            padded = F.pad(maps, sides, padding_mode=padding_mode, value=value)
            return lax.dynamic_slice(padded, (*corner, np.int32(0)), maps.shape)

        shift = geometry.shifted(*(p - corner[axis] for axis, p in enumerate(pad)))
        moved = places(example, shift, size, rules.min_visible)
        moved["image"] = cut(image, as_stored(rules.fill, image))
        if "mask" in example:
            mask, value = example["mask"], mask_value(example["mask"].dtype, rules.fill_mask)
            moved["mask"] = cut(mask.reshape(*size, -1), value).reshape(mask.shape)
        return moved

    return per_example(one)


@with_hints
def center_crop(size: int | Sequence[int], *, min_visible: float = 0.0) -> Augmentation:
    """Cut out the middle of each picture. It draws nothing: the key may be None.

    Args:
        size: in pixels, or `(height, width)`; at most that of the picture. Where the borders cannot
            be equal, the top and the left one are a pixel narrower.
        min_visible: the share of a box that must be left in the picture, else it is not valid.

    Returns:
        `(key, batch) -> batch`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    Example:
        >>> batch = {"image": np.arange(5.0, dtype=np.float32).reshape(1, 1, 5, 1)}
        >>> center_crop((1, 2))(None, batch)["image"].ravel().tolist()
        [1.0, 2.0]
    """
    height, width = size_of(size)
    share("min_visible", min_visible)

    def one(example):
        image = example["image"]
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        if min(top, left) < 0:
            raise ValueError(
                f"`size` must be at most that of the picture, {image.shape[:2]}; got "
                f"({height}, {width})."
            )
        moved = places(example, geometry.shifted(-top, -left), (height, width), min_visible)
        for name in {"image", "mask"} & set(example):
            moved[name] = example[name][top : top + height, left : left + width]
        return moved

    return without_key(one)
