"""What every augmentation keeps: shapes, dtypes, keys, and the independence of examples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.data import augment

from .cases import EVERY, GEOMETRIC, KEY, PER_EXAMPLE, batch_for, noise, scene

NOTHING = {
    "flip": augment.flip(0.0),
    "pad_crop": augment.pad_crop(0),
    "resized_crop": augment.random_resized_crop((48, 64), scale=(1, 1), ratio=(4 / 3, 4 / 3)),
    "center_crop": augment.center_crop((48, 64)),
    "resize": augment.resize((48, 64)),
    "rotate": augment.rotate(0, fill=0.3),
    "rotate_once": augment.rotate((360, 360)),
    "affine": augment.affine(0, fill=0.7),
    "perspective": augment.perspective(0.5, probability=0.0),
    "no_distortion": augment.perspective(0.0, probability=1.0),
    "cutout": augment.cutout(9, probability=0.0),
    "color_jitter": augment.color_jitter(),
    "magnitude_0": augment.rand_augment(
        3, 0, operations=sorted({*augment.OPERATIONS} - {"auto_contrast", "equalize"})
    ),
    "count_0": augment.rand_augment(0, 30),
    "sometimes": augment.sometimes(augment.rotate(30), 0.0),
    "chain": augment.chain(),
}


def assert_same(one, other, **tolerance):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_allclose(one[name], other[name], err_msg=name, **tolerance)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", NOTHING)
def test_nothing_to_do_is_the_identity_bit_for_bit(name, dtype):
    batch = scene(dtype=dtype)
    result = NOTHING[name](KEY, batch)
    assert_same(batch, {part: result[part] for part in batch}, rtol=0, atol=0)
    assert result.keys() - batch.keys() <= {"boxes_valid", "keypoints_visible"}


@pytest.mark.parametrize("name", EVERY)
def test_the_key_alone_decides_inside_of_jit_too(name):
    batch = batch_for(name)
    result = EVERY[name](KEY, batch)
    assert_same(result, EVERY[name](KEY, batch), rtol=0, atol=0)
    compiled = jax.jit(EVERY[name])(KEY, batch)
    for part in ("image", "boxes", "keypoints", "label"):
        if part in result:
            np.testing.assert_allclose(compiled[part], result[part], rtol=1e-5, atol=1e-4)
    if "mask" in result:  # a pixel's center may lie on the edge between two labels
        assert (compiled["mask"] != result["mask"]).mean() < 0.001
    if name not in ("center_crop", "normalize", "resize_larger", "resize_smaller"):
        others = [EVERY[name](jax.random.key(seed), batch) for seed in (0, 1, 2)]
        assert not all(np.array_equal(other["image"], result["image"]) for other in others)


@pytest.mark.parametrize("name", PER_EXAMPLE)
def test_an_example_does_not_depend_on_the_size_of_the_batch(name):
    batch = scene()
    whole = PER_EXAMPLE[name](KEY, batch)
    part = PER_EXAMPLE[name](KEY, {key: value[:2] for key, value in batch.items()})
    assert_same({key: value[:2] for key, value in whole.items()}, part, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", EVERY)
def test_an_old_style_key_and_an_empty_batch(name):
    result = jax.eval_shape(EVERY[name], jax.random.PRNGKey(0), batch_for(name, n=0))
    assert result["image"].shape[0] == 0
    assert set(batch_for(name)) <= set(result)


def test_other_parts_are_unchanged():
    batch = noise() | {"name": "something", "weight": np.ones(4)}
    for name in ("chain", "mixup"):
        result = EVERY[name](KEY, batch)
        assert result["name"] is batch["name"]
        assert result["weight"] is batch["weight"]


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, jnp.bfloat16, np.float32])
@pytest.mark.parametrize("name", sorted(set(EVERY) - {"normalize"}))
def test_pictures_keep_their_dtype(name, dtype):
    shapes = jax.eval_shape(EVERY[name], KEY, batch_for(name, n=2, dtype=dtype))
    assert shapes["image"].dtype == dtype


@pytest.mark.parametrize("name", ["pad_crop", "random_resized_crop", "affine", "chain", "cutmix"])
def test_a_batch_over_eight_devices(name):
    batch = batch_for(name, n=8)
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]), ("n",))
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("n"))
    function = jax.jit(EVERY[name])
    here, there = function(KEY, batch), function(KEY, jax.device_put(batch, spread))
    assert_same(here, there, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["pad_crop", "random_resized_crop", "affine", "perspective"])
def test_gradients_are_finite_and_those_of_a_linear_map(name):
    batch = scene(n=2)

    def warped(image):
        return GEOMETRIC[name](KEY, {**batch, "image": image})["image"]

    y, back = jax.vjp(warped, batch["image"])
    weights = jax.random.normal(KEY, y.shape)
    (gradient,) = back(weights)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(
        jnp.vdot(gradient, batch["image"]), jnp.vdot(weights, y), rtol=1e-4, atol=1e-3
    )


def test_examples_draw_for_themselves():
    same = noise(n=1)["image"]
    batch = {"image": jnp.concatenate([same] * 6)}
    for name in ("pad_crop", "affine", "cutout"):
        images = np.asarray(EVERY[name](KEY, batch)["image"]).reshape(6, -1)
        assert len(np.unique(images, axis=0)) > 1, name
