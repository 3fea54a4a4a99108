"""Against NumPy, SciPy and PIL: what each augmentation of pixels does, and how often."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from cnn_jax.data import augment

from .cases import KEY, noise


def pictures(function, batch):
    return np.asarray(function(KEY, batch)["image"])


@pytest.mark.parametrize(("axis", "at"), [("horizontal", 2), ("vertical", 1)])
def test_a_flip_is_numpys_and_twice_is_the_identity(axis, at):
    batch = noise(n=3, size=(5, 7))
    always = augment.flip(1.0, axis=axis)
    once = always(KEY, batch)
    np.testing.assert_array_equal(once["image"], np.flip(batch["image"], at))
    np.testing.assert_array_equal(always(KEY, once)["image"], batch["image"])


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_so_many_are_flipped(probability):
    n = 4000
    image = jnp.broadcast_to(jnp.array([0, 1], jnp.uint8)[None, None, :, None], (n, 1, 2, 1))
    flipped = pictures(augment.flip(probability), {"image": image})[:, 0, 0, 0].mean()
    assert abs(flipped - probability) < 4 * np.sqrt(probability * (1 - probability) / n)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_crops_are_slices_of_the_padded_picture_all_equally_often(mode):
    n, (height, width) = 900, (4, 5)
    one = noise(n=1, size=(height, width))["image"]
    batch = {"image": jnp.repeat(one, n, axis=0)}
    crops = pictures(augment.pad_crop((1, 2), padding_mode=mode), batch)
    numpys = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(mode, mode)
    padded = np.pad(one[0], ((1, 1), (2, 2), (0, 0)), mode=numpys)
    counts = [
        (crops == padded[i : i + height, j : j + width]).all((1, 2, 3)).sum()
        for i in range(3)
        for j in range(5)
    ]
    assert sum(counts) == n
    assert min(counts) > 60 - 4 * np.sqrt(60)


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_quarter_turns_are_numpys(turns):
    batch = noise(n=2, size=(7, 7), dtype=np.float32)
    result = pictures(augment.rotate((90 * turns, 90 * turns), fill=0.3), batch)
    np.testing.assert_array_equal(result, np.rot90(batch["image"], turns, (1, 2)))


def test_an_affine_warp_is_scipys():
    batch = noise(n=1, size=(20, 26), dtype=np.float32)
    function = augment.affine((20, 20), scale=(1.3, 1.3), shear=(10, 10), fill=0.25)
    angle, slant = np.deg2rad(20), np.tan(np.deg2rad(10))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.linalg.inv(1.3 * turn @ np.array([[1, 0], [slant, 1]]))
    center = (np.array([20, 26]) - 1) / 2
    expected = [
        ndimage.affine_transform(
            np.asarray(batch["image"][0, ..., channel], np.float64), back, center - back @ center,
            order=1, mode="grid-constant", cval=0.25,
        )
        for channel in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(pictures(function, batch)[0], np.stack(expected, -1), atol=1e-4)


@pytest.mark.parametrize("size", [(9, 31), (20, 20), (40, 11)])
def test_another_size_is_pils(size):
    batch = noise(n=1, size=(23, 17), channels=1, dtype=np.float32)
    image = Image.fromarray(np.asarray(batch["image"])[0, ..., 0])
    expected = np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(
        pictures(augment.resize(size), batch)[0, ..., 0], expected, atol=1e-5
    )


def test_resized_crops_are_pils_and_their_areas_and_shapes_are_drawn_as_asked():
    n, size = 1500, (60, 80)
    image = noise(n=1, size=size, channels=1, dtype=np.float32)["image"]
    points = jnp.broadcast_to(jnp.array([[[0, 0], [60, 80]]], jnp.float32), (n, 2, 2))
    batch = {"image": jnp.repeat(image, n, axis=0), "keypoints": points}
    result = augment.random_resized_crop((16, 16), scale=(0.1, 0.5))(KEY, batch)
    (top, left), (bottom, right) = np.moveaxis(np.asarray(result["keypoints"], float), 0, -1)
    rows, columns = 16 / ((bottom - top) / 60), 16 / ((right - left) / 80)
    np.testing.assert_allclose(rows, rows.round(), atol=1e-3)  # whole pixels
    areas, shapes = rows * columns / 4800, columns / rows
    assert areas.min() > 0.1 - 0.01
    assert areas.max() < 0.5 + 0.01
    assert abs(areas.mean() - 0.3) < 0.01
    assert shapes.min() > 3 / 4 - 0.04
    assert shapes.max() < 4 / 3 + 0.04
    assert abs(np.log(shapes).mean()) < 0.02
    for i in range(20):
        y, x = -top[i] * rows[i] / 16, -left[i] * columns[i] / 16
        box = np.array([x, y, x + columns[i], y + rows[i]]).round()
        expected = Image.fromarray(np.asarray(image)[0, ..., 0]).resize(
            (16, 16), Image.Resampling.BILINEAR, box=tuple(box)
        )
        np.testing.assert_allclose(result["image"][i, ..., 0], expected, atol=1e-4)


def test_a_part_that_never_fits_is_the_largest_in_the_middle():
    batch = noise(n=2, size=(10, 40), dtype=np.float32)
    crop = augment.random_resized_crop((10, 13), scale=(1, 1))
    np.testing.assert_allclose(pictures(crop, batch), batch["image"][:, :, 13:26], atol=1e-6)


def test_cutout_hides_a_rectangle_around_any_pixel():
    n = 2000
    batch = {"image": jnp.ones((n, 6, 8, 1))}
    hidden = pictures(augment.cutout((3, 4), fill=5), batch)[..., 0] == 5
    rows, columns = hidden.any(2), hidden.any(1)
    np.testing.assert_array_equal(hidden, rows[:, :, None] & columns[:, None])
    expected = {
        tuple((i - side // 2 <= np.arange(m)) & (np.arange(m) < i - side // 2 + side))
        for m, side in ((6, 3), (8, 4))
        for i in range(m)
    }
    assert {tuple(row) for row in rows} | {tuple(column) for column in columns} == expected
    some = pictures(augment.cutout(3, probability=0.3, fill=5), batch)
    assert abs((some == 5).any((1, 2, 3)).mean() - 0.3) < 0.05


PILS = {
    "auto_contrast": lambda image: ImageOps.autocontrast(image),
    "equalize": lambda image: ImageOps.equalize(image),
    "solarize": lambda image: ImageOps.solarize(image, 128),
    "posterize": lambda image: ImageOps.posterize(image, 6),
    "color": lambda image: ImageEnhance.Color(image),
    "contrast": lambda image: ImageEnhance.Contrast(image),
    "brightness": lambda image: ImageEnhance.Brightness(image),
    "sharpness": lambda image: ImageEnhance.Sharpness(image),
}


@pytest.mark.parametrize("name", PILS)
@pytest.mark.parametrize("channels", [1, 3])
def test_operations_of_rand_augment_are_pils(name, channels):
    batch = noise(n=8, size=(24, 30), channels=channels)
    batch["image"] = batch["image"] // 2 + 40
    results = pictures(augment.rand_augment(1, 15, operations=(name,)), batch)
    met = set()
    for before, after in zip(np.asarray(batch["image"]), results):
        mode = before[..., 0] if channels == 1 else before
        pil = PILS[name](Image.fromarray(mode))
        candidates = [pil.enhance(f) for f in (0.55, 1.45)] if hasattr(pil, "enhance") else [pil]
        away = [np.abs(np.asarray(c, int).reshape(after.shape) - after).max() for c in candidates]
        assert min(away) <= 1
        met.add(int(np.argmin(away)))
    if len(candidates) == 2 and (name, channels) != ("color", 1):
        assert met == {0, 1}


def test_each_example_draws_its_operations():
    batch = {"image": jnp.repeat(noise(n=1, size=(16, 16))["image"], 400, axis=0)}
    names = ("identity", "solarize", "equalize", "translate_x")
    images = pictures(augment.rand_augment(1, 30, operations=names), batch)
    _, counts = np.unique(images.reshape(400, -1), axis=0, return_counts=True)
    assert len(counts) == 5  # translate_x has two signs
    assert sorted(counts)[2] > 100 - 4 * np.sqrt(75)


def test_the_hue_is_colorsys():
    batch = noise(n=1, size=(6, 6), dtype=np.float32)
    result = pictures(augment.color_jitter(hue=(0.2, 0.2)), batch)[0].reshape(-1, 3)
    for before, after in zip(np.asarray(batch["image"])[0].reshape(-1, 3).tolist(), result):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        np.testing.assert_allclose(
            after, colorsys.hsv_to_rgb((hue + 0.2) % 1, saturation, value), atol=1e-5
        )


@pytest.mark.parametrize(
    ("option", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_the_light_is_pils(option, enhance):
    batch = noise(n=1, size=(16, 16))
    result = pictures(augment.color_jitter(**{option: (1.4, 1.4)}), batch)[0]
    expected = enhance(Image.fromarray(np.asarray(batch["image"])[0])).enhance(1.4)
    assert np.abs(np.asarray(expected, int) - result).max() <= 1


def test_normalized_pictures():
    batch = noise(n=2)
    means, stds = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    result = jax.jit(augment.normalize(means, stds))(None, batch)["image"]
    expected = (np.asarray(batch["image"]) / 255 - means) / np.array(stds)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
