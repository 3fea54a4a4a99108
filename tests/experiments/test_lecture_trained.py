"""The parts of the sections that train: what their networks are, before any training."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cnn_jax import analysis
from cnn_jax import functional as F
from experiments.lecture import _training
from experiments.lecture.sections import depth, invariance, sharing, vanishing

KEY = jax.random.key(0)


def parameters(model):
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def test_a_local_network_with_equal_kernels_is_the_convolutional_one():
    convolutional, local = (sharing.network(kind, (4, 3)) for kind in ("convolutional", "local"))
    for shared, own in zip(convolutional.layers, local.layers):
        if isinstance(shared, nnx.Module):
            for name, array in nnx.to_pure_dict(nnx.state(shared, nnx.Param)).items():
                one = getattr(own, name)
                one[...] = jnp.broadcast_to(array, one.shape)
    signals = jax.random.normal(KEY, (2, 40, 1))
    np.testing.assert_allclose(local(signals), convolutional(signals), rtol=1e-5, atol=1e-5)


def test_the_networks_of_equal_parameters_have_equally_many():
    counts = {
        name: parameters(nnx.eval_shape(lambda given=given: sharing.network(*given)))
        for name, given in sharing.NETWORKS.items()
    }
    alike = [counts[n] for n in ("local", "full, fewer units", "convolutional, more channels")]
    assert max(alike) < 1.03 * min(alike)
    assert counts["full"] > 5 * counts["local"] > 25 * counts["convolutional"]


def test_a_residual_block_that_learned_nothing_passes_on_its_input():
    signals = jax.random.normal(KEY, (8, 40, 1))
    weights = depth.weights(20, KEY)
    assert weights["blocks"].shape[:2] == (9, 2)  # and the first and the last layer
    idle = {**weights, "blocks": jnp.zeros_like(weights["blocks"])}
    none = {**weights, "blocks": weights["blocks"][:0]}
    with F.using(algorithm="xla"):
        residual, plain = (depth.network(idle, signals, shortcuts) for shortcuts in (True, False))
        expected = depth.network(none, signals, True)
    np.testing.assert_array_equal(residual, expected)
    np.testing.assert_array_equal(plain, 0)


def test_sigmoids_vanish_and_a_normalization_brings_them_back():
    signals = jax.random.normal(KEY, (8, 40, 1))
    params = vanishing.weights("sigmoid", KEY)
    found = {}
    for normalized in (False, True):

        def total(params, normalized=normalized):
            return vanishing.network(params, signals, "sigmoid", normalized, False).sum()

        with F.using(algorithm="xla"):
            gradient = jax.grad(total)(params)
        found[normalized] = vanishing.norms_of(gradient)
        assert found[normalized].shape == (vanishing.LAYERS + 1,)
        layer = jnp.linalg.norm(gradient["others"][3])  # the fifth convolution
        np.testing.assert_allclose(found[normalized][4], layer, rtol=1e-5)
    assert found[False][1] / found[False][-2] < 1e-9
    assert found[True][1] / found[True][-2] > 1e-2


def test_polyphase_keeps_every_class_and_a_pool_does_not():
    images = jax.random.normal(KEY, (20, 28, 28, 1))
    found = {}
    with F.using(algorithm="xla"):
        for name, pool in invariance.pools().items():
            model = invariance.network(pool)
            found[name] = analysis.invariance(model, images, [(0, 0), (1, 0), (3, 2)])
    assert found["polyphase"].consistency == 1
    assert found["polyphase"].changes.max() < 1e-5
    assert found["maximum of 2 x 2"].changes.max() > 1e-3


def test_training_goes_through_all_epochs_and_leaves_the_model_as_it_was():
    model = nnx.Sequential(sharing.flat, nnx.Linear(784, 10, rngs=nnx.Rngs(0)))
    before = np.asarray(model.layers[1].kernel[...])
    train, test = _training.garments("train", 200), _training.garments("test", 250)
    prepare = _training.augment.prepare(then=_training.scaled)
    after, records = _training.trained(model, train, test, epochs=5, rate=1e-3, prepare=prepare)
    assert [record["step"] for record in records] == [2, 4, 6, 8, 10]
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    np.testing.assert_array_equal(model.layers[1].kernel[...], before)
    logits = after(_training.pixels(test.images))
    accuracy = (logits.argmax(-1) == test.labels).mean()
    np.testing.assert_allclose(accuracy, records[-1]["test_accuracy"], atol=1e-6)
