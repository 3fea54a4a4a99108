"""A few operations out of many for each picture: `rand_augment`."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import arguments
from cnn_jax.arguments import shown, with_hints

from ._light import check_channels, from_unit, unit
from .parts import color, geometry
from .parts.batch import Augmentation, as_stored, per_example
from .parts.moving import outside, warp

LARGEST = 30  # magnitude

COLORS: dict[str, Callable[[jax.Array, jax.Array, jax.Array], jax.Array]] = {
    "auto_contrast": lambda image, m, sign: color.auto_contrast(image),
    "equalize": lambda image, m, sign: color.equalize(image),
    "solarize": lambda image, m, sign: color.solarize(image, 256 - 256 * m),
    "posterize": lambda image, m, sign: color.posterize(image, 8 - jnp.round(4 * m)),
    "color": lambda image, m, sign: color.saturation(image, 1 + 0.9 * m * sign),
    "contrast": lambda image, m, sign: color.contrast(image, 1 + 0.9 * m * sign),
    "brightness": lambda image, m, sign: color.brightness(image, 1 + 0.9 * m * sign),
    "sharpness": lambda image, m, sign: color.sharpness(image, 1 + 0.9 * m * sign),
}
"""Of the picture in [0, 1], the magnitude in [0, 1], and 1 or -1."""

WARPS = {
    "rotate": 30.0,  # degrees
    "shear_x": 0.3,
    "shear_y": 0.3,
    "translate_x": 150 / 331,  # of the width; the paper's pictures were 331 x 331
    "translate_y": 150 / 331,
}
"""By how much at magnitude 30."""

OPERATIONS = ("identity", *COLORS, *WARPS)


@with_hints
def rand_augment(
    count: int = 2,
    magnitude: float = 9,
    *,
    operations: Sequence[str] = OPERATIONS,
    fill: float = 0.0,
    fill_mask: int = 0,
    min_visible: float = 0.0,
) -> Augmentation:
    """Apply a few operations out of 14 to each picture, which it draws for itself.

    Each is drawn from all, so that one may come twice; those that go both ways draw the sign.

    | operation | at magnitude `M`, with `m = M / 30` |
    |---|---|
    | `identity` | the same |
    | `auto_contrast` | each channel stretched to its full range, whatever `M` |
    | `equalize` | levels made equally frequent, whatever `M` |
    | `solarize` | inverted from `256 - 256 m` on, of 256 levels |
    | `posterize` | `8 - 4 m` bits, rounded |
    | `color`, `contrast`, `brightness`, `sharpness` | factor `1 + 0.9 m` or `1 - 0.9 m` |
    | `rotate` | by `30 m` degrees, either way |
    | `shear_x`, `shear_y` | `0.3 m`, either way |
    | `translate_x`, `translate_y` | by `150 / 331 m` of the side, either way |

    What a picture draws of the last five is composed into one warp, after its colors have changed:
    it is interpolated once, and no operation sees pixels from outside. All colors of the list are
    computed for all pictures, as an accelerator does not branch; a list without `equalize` is
    cheaper.

    Args:
        count: operations for each picture, the paper's `N`.
        magnitude: in `[0, 30]`, the paper's `M`.
        operations: those to draw from.
        fill: value of pixels from outside.
        fill_mask: label of pixels from outside.
        min_visible: the share of a box that must be left in the picture, else it is not valid.

    Returns:
        `(key, batch) -> batch`, for pictures of 1 or 3 channels: uint8, or floats in [0, 1].

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    References:
        Cubuk et al., *RandAugment: Practical automated data augmentation with a reduced search
        space*, 2020, arXiv:1909.13719; the ranges are those of AutoAugment, arXiv:1805.09501.

    Example:
        >>> batch = {"image": jnp.zeros((8, 32, 32, 3), jnp.uint8)}
        >>> augment = rand_augment(2, 9, operations=("rotate", "contrast", "brightness"))
        >>> augment(jax.random.key(0), batch)["image"].shape
        (8, 32, 32, 3)
    """
    arguments.integer("count", count, at_least=0)
    m = np.float32(arguments.number("magnitude", magnitude, at_least=0, at_most=LARGEST) / LARGEST)
    names = _checked_operations(operations)
    rules = outside(fill=fill, fill_mask=fill_mask, min_visible=min_visible)
    warps = [name for name in names if name in WARPS]
    colors = [name for name in names if name in COLORS]
    branches = [lambda pixels, m, sign: pixels, *(COLORS[name] for name in colors)]
    branch_of = [colors.index(name) + 1 if name in COLORS else 0 for name in names]

    amounts_of = np.array(
        [[most * (name == own) for own, most in WARPS.items()] for name in names], np.float32
    )

    def one(key, example):
        image = example["image"]
        check_channels(image.shape)
        size = image.shape[0], image.shape[1]
        homography = jnp.eye(3)
        drawn = jax.random.randint(key, (count,), 0, 2 * len(names))
        for which, sign in zip(drawn // 2, (drawn % 2 * 2 - 1).astype(jnp.float32)):
            if colors:
                pixels = lax.switch(
                    jnp.asarray(branch_of)[which], branches, unit(image), jnp.asarray(m), sign
                )
                image = as_stored(from_unit(pixels, image), image)
            if warps:
                amounts = jnp.asarray(amounts_of)[which] * (m * sign)
                homography = geometry.compose(_warp(size, amounts), homography)
        changed = {**example, "image": image}
        return warp(changed, homography, rules) if warps else changed

    return per_example(one)


def _warp(size: tuple[int, int], amounts: jax.Array) -> jax.Array:
    """The homography of one operation: of the amounts by the order of WARPS one is not 0."""
    degrees, shear_x, shear_y, right, down = amounts
    return geometry.affine(
        size,
        degrees=degrees,
        shear=(shear_y, shear_x),
        translate=(size[0] * down, size[1] * right),
    )


def _checked_operations(operations: Sequence[str]) -> tuple[str, ...]:
    if isinstance(operations, str) or not isinstance(operations, Sequence) or not operations:
        raise TypeError(
            f"`operations` must be names out of {', '.join(OPERATIONS)}; got {shown(operations)}."
        )
    return tuple(arguments.one_of("operations", name, OPERATIONS) for name in operations)
