"""States over several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import PartitionSpec

from cnn_jax import models, training

from .tiny import KEY, LOSS, assert_same_bits


def bytes_on(device, tree):
    return sum(
        shard.data.nbytes
        for leaf in jax.tree.leaves(tree)
        for shard in leaf.addressable_shards
        if shard.device == device
    )


def lenet():
    return training.init(models.lenet(rngs=nnx.Rngs(0)), optax.adam(1e-3))


def test_a_fully_sharded_state_takes_a_part_of_each_device():
    state, _ = lenet()
    mesh = training.make_mesh()
    whole = training.place(state, mesh)
    split = training.place(state, mesh, fully_sharded=True)
    for tree in ("params", "opt_state"):
        total = bytes_on(jax.devices()[0], getattr(whole, tree))
        for device in jax.devices():
            assert bytes_on(device, getattr(split, tree)) < 0.2 * total
    for placed in (whole, split):
        assert_same_bits(training.fetch(placed), jax.device_get(state))


def test_parameters_stay_split_while_they_train():
    state, apply = lenet()
    step = training.make_step(apply, optax.adam(1e-3), LOSS)
    rng = np.random.default_rng(0)
    split = {
        "image": rng.normal(size=(16, 28, 28, 1)).astype(np.float32),
        "label": rng.integers(0, 10, 16),
    }
    batches = training.batches(split, 8, mesh=training.make_mesh())
    run = training.fit(state, step, batches, epochs=1, key=KEY, fully_sharded=True)
    *_, (_, reached) = run
    total = sum(leaf.nbytes for leaf in jax.tree.leaves(reached.params))
    assert all(bytes_on(device, reached.params) < 0.2 * total for device in jax.devices())


def test_the_axis_model_splits_output_channels():
    mesh = training.make_mesh(model=2)
    assert dict(mesh.shape) == {"data": 4, "model": 2}
    tree = {"kernel": jnp.ones((3, 3, 16, 32)), "small": jnp.ones(32), "odd": jnp.ones((99, 33))}
    placed = training.place(tree, mesh)
    assert placed["kernel"].sharding.spec == PartitionSpec(None, None, None, "model")
    assert placed["small"].sharding.is_fully_replicated
    assert placed["odd"].sharding.is_fully_replicated
    both = training.place(tree, mesh, fully_sharded=True)
    assert both["kernel"].sharding.spec == PartitionSpec(None, None, "data", "model")


def test_batch_statistics_are_whole():
    state, _ = training.init(models.resnet18(num_classes=3, rngs=nnx.Rngs(0)), optax.sgd(0.1))
    placed = training.place(state, training.make_mesh(), fully_sharded=True)
    assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(placed.stats))
    assert not all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(placed.params))


def test_wrong_meshes_are_refused():
    with pytest.raises(ValueError, match="`model` must divide the number of devices, 8; got 3"):
        training.make_mesh(model=3)
    with pytest.raises(TypeError, match=r"`devices` must be devices of JAX; got \[0, 1\]"):
        training.make_mesh([0, 1])
    with pytest.raises(TypeError, match="`mesh` must be a mesh, as make_mesh"):
        training.place({}, 8)
