"""What is refused, and in which words."""

import re

import jax.numpy as jnp
import pytest

from cnn_jax.data import augment

from .cases import KEY

IMAGE = jnp.zeros((2, 6, 6, 3))
OPTIONS = [
    (lambda: augment.flip(1.5), ValueError, "`probability` must be a number in [0, 1]; got 1.5."),
    (lambda: augment.flip(axis="up"), ValueError, "`axis` must be one of 'horizontal', 'vertical'"),
    (lambda: augment.flip(keypoint_order=(0, 2)), ValueError, "`keypoint_order` must hold each of"),
    (lambda: augment.pad_crop(-1), ValueError, "`padding` must be at least 0 on every axis"),
    (lambda: augment.pad_crop(pad=2), TypeError, "`pad_crop` has no argument `pad`: write `padd"),
    (lambda: augment.pad_crop(1, padding_mode="no"), ValueError, "`padding_mode`"),
    (lambda: augment.pad_crop(1, fill=None), TypeError, "`fill` must be a finite number; got None"),
    (lambda: augment.pad_crop(1, fill_mask=0.5), TypeError, "`fill_mask` must be an int; got 0.5."),
    (lambda: augment.pad_crop(1, min_visible=2), ValueError, "`min_visible` must be a number in"),
    (lambda: augment.resize(0), ValueError, "`size` must be at least 1 on every axis; got 0."),
    (lambda: augment.center_crop((1, 2, 3)), ValueError, "`size` must be an int or 2 ints"),
    (lambda: augment.random_resized_crop(8, scale=0.5), TypeError, "`scale` must be a pair of"),
    (lambda: augment.random_resized_crop(8, scale=(0, 1)), ValueError, "`scale` must be a number"),
    (lambda: augment.random_resized_crop(8, ratio=(2, 1)), ValueError, "`ratio` must be (low, hig"),
    (lambda: augment.cutout(2.5), TypeError, "`size` must be an int or 2 ints"),
    (lambda: augment.rotate(-5), ValueError, "`degrees` must be a finite number of at least 0"),
    (lambda: augment.affine(translate=(1, 2, 3)), ValueError, "`translate` must be a number or a"),
    (lambda: augment.affine(translate=1.5), ValueError, "`translate` must be a number in [0, 1]"),
    (lambda: augment.affine(shear=90), ValueError, "`shear` must be a number in [0, 89]; got 90."),
    (lambda: augment.perspective(1), ValueError, "`distortion` must be a number in [0, 1); got 1."),
    (lambda: augment.color_jitter(contrast=-1), ValueError, "`contrast` must be a finite number"),
    (lambda: augment.color_jitter(hue=0.6), ValueError, "`hue` must be a number in [0, 0.5]"),
    (lambda: augment.normalize((), 1), ValueError, "`mean` must have an entry; got ()."),
    (lambda: augment.normalize(0, 0), ValueError, "`std` must be a finite number above 0; got 0."),
    (lambda: augment.rand_augment(-1), ValueError, "`count` must be an int of at least 0; got -1."),
    (lambda: augment.rand_augment(2, 31), ValueError, "`magnitude` must be a number in [0, 30]"),
    (lambda: augment.rand_augment(operations="rotate"), TypeError, "`operations` must be names"),
    (lambda: augment.rand_augment(operations=["turn"]), ValueError, "`operations` must be one of"),
    (lambda: augment.mixup(0, classes=2), ValueError, "`alpha` must be a finite number above 0"),
    (lambda: augment.cutmix(classes=0), ValueError, "`classes` must be a positive int; got 0."),
    (lambda: augment.chain(3), TypeError, "`augmentations` must be a function of (key, batch)"),
    (lambda: augment.choose(), TypeError, "`augmentations` must have at least one."),
    (lambda: augment.choose(augment.flip(), probabilities=(0.5,)), ValueError,
     "`probabilities` must be 1 number with sum 1; got (0.5,)."),
    (lambda: augment.prepare(then=1), TypeError, "`then` must be a function of (key, batch)"),
]  # fmt: skip
BATCHES = [
    (augment.flip(), [IMAGE], TypeError, "`batch` must be a dict with an `image`; got"),
    (augment.flip(), {"x": IMAGE}, TypeError, "got one of ['x']."),
    (augment.flip(), {"image": IMAGE[0]}, ValueError, "`image` must have the shape (n, h, w, c)"),
    (augment.flip(), {"image": IMAGE.astype(int)}, TypeError, "`image` must hold uint8 or floats"),
    (augment.flip(), {"image": IMAGE[:, :0]}, ValueError, "`image` must have pixels and channels"),
    (augment.flip(), {"image": IMAGE, "mask": jnp.ones((2, 6, 6))}, TypeError,
     "`mask` must hold integers; got float32."),
    (augment.flip(), {"image": IMAGE, "mask": jnp.ones((2, 6, 5), int)}, ValueError,
     "`mask` must have the pixels of `image` (2, 6, 6, 3); got (2, 6, 5)."),
    (augment.flip(), {"image": IMAGE, "boxes": jnp.ones((2, 3, 5))}, ValueError,
     "`boxes` must have the shape (n, m, 4); got (2, 3, 5)."),
    (augment.flip(), {"image": IMAGE, "boxes": jnp.ones((3, 3, 4))}, ValueError,
     "`boxes` must have the 2 examples of `image`; got (3, 3, 4)."),
    (augment.flip(), {"image": IMAGE, "keypoints": jnp.ones((2, 3, 2), int)}, TypeError,
     "`keypoints` must hold floats"),
    (augment.flip(), {"image": IMAGE, "boxes_valid": jnp.ones((2, 3), bool)}, ValueError,
     "`boxes_valid` belongs to `boxes`, which the batch does not have."),
    (augment.flip(keypoint_order=(1, 0)), {"image": IMAGE, "keypoints": jnp.ones((2, 3, 2))},
     ValueError, "`keypoint_order` must have an entry for each of 3 keypoints; got 2."),
    (augment.center_crop(7), {"image": IMAGE}, ValueError, "`size` must be at most that of the"),
    (augment.pad_crop(1, fill_mask=255), {"image": IMAGE, "mask": jnp.ones((2, 6, 6), jnp.int8)},
     ValueError, "`fill_mask` must fit into a mask of int8; got 255."),
    (augment.color_jitter(hue=0.1), {"image": IMAGE[..., :2]}, ValueError,
     "`image` must have 1 channel, or red, green and blue; got (6, 6, 2)."),
    (augment.normalize((0, 0), 1), {"image": IMAGE}, ValueError,
     "`mean` must have one entry, or one for each of 3 channels; got 2."),
    (augment.mixup(classes=2), {"image": IMAGE}, ValueError, "`mixup` needs a `label`"),
    (augment.mixup(classes=2), {"image": IMAGE, "label": jnp.ones((2, 3))}, ValueError,
     "`label` must be (2,) integers or (2, 2) floats; got float32 (2, 3)."),
    (augment.cutmix(classes=2), {"image": IMAGE, "boxes": jnp.ones((2, 1, 4))}, ValueError,
     "`cutmix` cannot mix `boxes`."),
    (augment.sometimes(augment.resize(3)), {"image": IMAGE}, ValueError,
     "`augmentation` must keep `image` as it is to be applied sometimes; float32 (2, 6, 6, 3)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), OPTIONS)
def test_options(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize(("function", "batch", "error", "message"), BATCHES)
def test_batches(function, batch, error, message):
    with pytest.raises(error, match=re.escape(message)):
        function(KEY, batch)


@pytest.mark.parametrize("key", [None, 0, {"image": IMAGE}])
def test_keys(key):
    for function in (augment.flip(), augment.mixup(classes=2), augment.sometimes(augment.flip())):
        with pytest.raises(TypeError, match="`key` must be a JAX random key, and comes before the"):
            function(key, {"image": IMAGE, "label": jnp.zeros(2, int)})
