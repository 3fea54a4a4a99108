"""A training step of a task is the same by every algorithm, and on eight devices as on one.

Each with the task's loss and a small network of its kind, on a drawn batch: what a run compiles
beside (scenes, metrics, pictures) does not matter here.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from cnn_jax import functional as F
from cnn_jax import models, training
from cnn_jax.data.scenes import COARSE
from cnn_jax.tasks import detection, pose, restoration, segmentation
from experiments import body_pose, caption, superresolve

N, SIDE = 8, 32
IMAGES = np.random.default_rng(0).standard_normal((N, SIDE, SIDE, 3)).astype(np.float32)
GRAY = np.random.default_rng(1).random((N, 24, 24, 1), np.float32)


def detect(rng):
    model = models.centernet_small(num_classes=3, rngs=nnx.Rngs(0))
    corners = rng.uniform(2, 14, (N, 3, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(6, 16, corners.shape)], -1)
    truth = {
        "boxes": boxes.astype(np.float32),
        "boxes_valid": rng.random((N, 3)) < 0.7,
        "classes": rng.integers(0, 3, (N, 3)),
    }
    return model, {"image": IMAGES, **truth}, detection.loss(), training.image


def segment(rng):
    model = models.unet_small(num_classes=4, channels=8, rngs=nnx.Rngs(0))
    batch = {"image": IMAGES, "label": rng.integers(0, 4, (N, SIDE, SIDE))}
    return model, batch, segmentation.loss(dice=0.5), training.image


def denoise(rng):
    model = models.dncnn(depth=4, channels=8, rngs=nnx.Rngs(0))
    noise = 0.1 * rng.standard_normal(GRAY.shape).astype(np.float32)
    return model, {"clean": GRAY, "image": GRAY + noise}, restoration.loss(), training.image


def enlarge(rng):
    config = superresolve.Config(scale=3, smoke=True)
    model, _, forward = superresolve.make(config, 1)
    return model, superresolve.degraded(config, jnp.asarray(GRAY)), restoration.loss(), forward


def find_joints(rng):
    config = body_pose.Config(smoke=True)
    truth = {
        "image": rng.integers(0, 256, (N, SIDE, SIDE, 3), np.uint8),
        "keypoints": rng.uniform(0, SIDE, (N, 14, 2)).astype(np.float32),
        "keypoints_visible": rng.random((N, 14)) < 0.8,
    }
    batch = body_pose.seen(jax.tree.map(jnp.asarray, truth))
    loss = pose.loss(stride=config.stride, sigma=body_pose.SIGMA)
    return body_pose.network(config), batch, loss, training.image


def say(rng):
    shape = {"widths": (4, 8, 8), "channels": 8, "layers": 2, "kinds": 3, "norm": "group"}
    model = models.captioner(vocabulary=len(COARSE.vocabulary), **shape, rngs=nnx.Rngs(0))
    batch = {
        "image": IMAGES,
        "words": rng.integers(1, 9, (N, 6)),
        "label": rng.integers(0, 3, (N, 4, 4)),
    }
    return model, batch, caption.loss, caption.look_and_read


TASKS = detect, segment, denoise, enlarge, find_joints, say


def stepped(task, algorithm, mesh=None):
    """The loss of a step, and the parameters after it."""
    model, batch, loss, forward = task
    optimizer = optax.sgd(0.1)
    with F.using(algorithm=algorithm):
        state, apply = training.init(model, optimizer, forward=forward)
        step = training.make_step(apply, optimizer, loss)
        batch = jax.tree.map(jnp.asarray, batch)
        if mesh is not None:
            state = training.place(state, mesh)
            batch = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))
        state, measured = step(state, batch, jax.random.key(0))
    return jax.device_get((measured["loss"], state.params))


def check(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)
    jax.tree.map(
        lambda *pair: np.testing.assert_allclose(*pair, rtol=2e-3, atol=2e-4),
        found[1],
        expected[1],
    )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_a_step_by_our_algorithms_is_that_by_the_built_in(task):
    made = task(np.random.default_rng(2))
    check(stepped(made, "auto"), stepped(made, "xla"))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_a_step_on_eight_devices_is_that_on_one(task):
    made = task(np.random.default_rng(2))
    check(stepped(made, "xla", training.make_mesh()), stepped(made, "xla"))
