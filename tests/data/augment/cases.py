"""Every augmentation once, and pictures to try them on."""

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax.data import augment

KEY = jax.random.key(7)

GEOMETRIC = {
    "flip": augment.flip(),
    "flip_vertical": augment.flip(axis="vertical"),
    "pad_crop": augment.pad_crop((5, 3)),
    "random_resized_crop": augment.random_resized_crop((40, 72), scale=(0.5, 1)),
    "center_crop": augment.center_crop((39, 50)),
    "resize_larger": augment.resize((70, 100)),
    "resize_smaller": augment.resize((40, 33)),
    "rotate": augment.rotate(180),
    "affine": augment.affine(40, translate=(0.1, 0.2), scale=(0.7, 1.3), shear=20),
    "perspective": augment.perspective(0.5, probability=0.8),
    "warps": augment.rand_augment(
        3, 15, operations=("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
    ),
}
"""Those that move things."""

PER_EXAMPLE = GEOMETRIC | {
    "cutout": augment.cutout(9),
    "color_jitter": augment.color_jitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.2),
    "normalize": augment.normalize((0.4, 0.5, 0.6), 0.2),
    "rand_augment": augment.rand_augment(),
    "sometimes": augment.sometimes(augment.rotate(20)),
    "chain": augment.chain(augment.flip(), augment.pad_crop(2), augment.cutout(4)),
}

EVERY = PER_EXAMPLE | {
    "mixup": augment.mixup(0.5, classes=5),
    "cutmix": augment.cutmix(classes=5),
    "choose": augment.choose(augment.flip(), augment.rotate(20)),
}

POINTS_CANNOT_MIX = ("mixup", "cutmix")


def scene(n=6, size=(48, 64), dtype=np.float32, seed=0):
    """Pictures that show their annotations: a soft spot in channel k at keypoint k, and rectangle k
    in channel k of the mask in box k."""
    random = np.random.default_rng(seed)
    height, width = size
    points = random.uniform((8, 8), (height - 8, width - 8), (n, 3, 2))
    y, x = np.mgrid[:height, :width] + 0.5
    far = (y[..., None] - points[:, None, None, :, 0]) ** 2
    far = far + (x[..., None] - points[:, None, None, :, 1]) ** 2
    image = np.exp(-far / (2 * 2.0**2))
    image = (image * 255).round() if dtype == np.uint8 else (image * 1000).round() / 1000
    corner = random.integers((2, 2), (height // 2, width // 2), (n, 3, 2))
    sides = random.integers((8, 8), (height // 2 - 2, width // 2 - 2), (n, 3, 2))
    boxes = np.concatenate([corner, corner + sides], -1)
    top, left, bottom, right = np.moveaxis(boxes, -1, 0)[:, :, None, None]
    mask = (y[..., None] > top) & (y[..., None] < bottom)
    mask = mask & (x[..., None] > left) & (x[..., None] < right)
    return {
        "image": jnp.asarray(image.astype(dtype)),
        "mask": jnp.asarray(mask.astype(np.int32)),
        "boxes": jnp.asarray(boxes.astype(np.float32)),
        "keypoints": jnp.asarray(points.astype(np.float32)),
        "label": jnp.arange(n) % 5,
    }


def noise(n=4, size=(12, 12), channels=3, dtype=np.uint8, seed=0):
    """Pictures of noise, with labels."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (n, *size, channels))
    image = image / 255 if np.issubdtype(dtype, np.floating) else image
    return {"image": jnp.asarray(image.astype(dtype)), "label": jnp.arange(n) % 5}


def batch_for(name, **options):
    """A batch for the augmentation of this name in EVERY."""
    batch = scene(**options)
    if name in POINTS_CANNOT_MIX:
        batch = {part: batch[part] for part in ("image", "label")}
    return batch
