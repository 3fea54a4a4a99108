"""LeNet-5: published shapes and parameters, its options, and equality of the algorithms."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models

STAGES = {
    "conv1": (28, 28, 6),
    "pool1": (14, 14, 6),
    "conv2": (10, 10, 16),
    "pool2": (5, 5, 16),
    "dense1": (120,),
    "dense2": (84,),
    "logits": (10,),
}


def lenet(**options):
    return models.lenet(**options, rngs=nnx.Rngs(0))


def image(size=28, channels=1, batch=(2,)):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.standard_normal((*batch, size, size, channels)), jnp.float32)


def parameters(model, name=None):
    state = nnx.state(model if name is None else getattr(model, name), nnx.Param)
    return sum(leaf.size for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("size", [28, 32])
def test_published_parameters_and_shapes(size):
    model = lenet(input_size=size)
    counts = [parameters(model, s) for s in ("conv1", "conv2", "dense1", "dense2", "logits")]
    assert counts == [156, 2_416, 48_120, 10_164, 850]
    assert parameters(model) == 61_706
    maps = model.feature_maps(image(size, batch=(2, 3)))
    assert {name: feature_map.shape for name, feature_map in maps.items()} == {
        name: (2, 3, *shape) for name, shape in STAGES.items()
    }
    chex.assert_trees_all_equal(model(image(size)), model.feature_maps(image(size))["logits"])


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
def test_a_normalization_adds_a_scale_and_a_shift_to_each_channel(norm):
    model, backbone = lenet(norm=norm), lenet(norm=norm, num_classes=None)
    each = 0 if norm == "none" else 2
    assert parameters(model) == 61_706 + each * (6 + 16 + 120 + 84)
    assert parameters(backbone) == 156 + 2_416 + each * (6 + 16)
    assert bool(nnx.state(model, nnx.BatchStat)) is (norm == "batch")


def test_hidden_layers_are_normalized_before_their_activation():
    """Over a batch, what goes into the sigmoid has mean 0 and variance 1."""
    x = 100 * image(batch=(32,))
    maps = lenet(norm="batch", activation="sigmoid").feature_maps(x)
    for name in ("conv1", "conv2", "dense1", "dense2"):
        before = jnp.log(maps[name] / (1 - maps[name]))
        axes = tuple(range(before.ndim - 1))
        chex.assert_trees_all_close(before.mean(axes), jnp.zeros(before.shape[-1]), atol=1e-3)
        chex.assert_trees_all_close(before.var(axes), jnp.ones(before.shape[-1]), atol=1e-2)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("pool", ["max", "avg"])
def test_algorithms_agree(activation, pool):
    model = lenet(activation=activation, pool=pool)
    graph, params = nnx.split(model)

    def loss_and_gradient(algorithm):
        def loss(params):
            with F.using(algorithm=algorithm):
                return jnp.sum(nnx.merge(graph, params)(image()) ** 2)

        return jax.jit(jax.value_and_grad(loss))(params)

    chex.assert_trees_all_close(
        loss_and_gradient("xla"), loss_and_gradient("vmap"), rtol=1e-4, atol=1e-4
    )


def test_options_change_what_they_say():
    logits = [
        lenet(activation=a, pool=p)(image()) for a in ("relu", "tanh") for p in ("max", "avg")
    ]
    logits += [lenet(norm=norm)(image()) for norm in ("batch", "group")]
    assert len({round(float(jnp.sum(l)), 3) for l in logits}) == 6
    assert lenet(num_classes=3, in_channels=2)(image(channels=2)).shape == (2, 3)


def test_dropout_acts_while_training_alone():
    model = lenet(dropout=0.5)
    model.eval()
    chex.assert_trees_all_equal(model(image()), lenet()(image()))
    model.train()
    assert jnp.abs(model(image()) - model(image())).max() > 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: lenet(activation="gelu"), "`activation` must be one of 'relu', 'sigmoid', 'tanh'"),
        (lambda: lenet(num_classes=0), "`num_classes` must be a positive int; got 0."),
        (lambda: lenet(activation=["relu"]), "`activation` must be one of 'relu'"),
        (lambda: lenet()([1.0]), "got shape (1,)."),
        (lambda: lenet(dropout=1.0), "`dropout` must be a number in [0, 1); got 1.0."),
        (lambda: lenet(pool="min"), "`pool` must be one of 'max', 'avg'; got 'min'."),
        (
            lambda: lenet(norm="layer"),
            "`norm` must be one of 'batch', 'group', 'none'; got 'layer'.",
        ),
        (lambda: lenet(input_size=30), "`input_size` must be one of 28, 32; got 30."),
        (
            lambda: lenet()(image(32)),
            "`images` must be (*batch, 28, 28, 1), as the network was made; got shape "
            "(2, 32, 32, 1).",
        ),
        (lambda: lenet()(image()[..., 0]), "`images` must be (*batch, 28, 28, 1)"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
