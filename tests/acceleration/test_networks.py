"""Networks of other libraries: values and gradients equal, and nothing is left as it was."""

from dataclasses import dataclass
from typing import Any

import chex
import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import pytest
from flax import linen, nnx

from cnn_jax import accelerate
from tests.acceleration.test_every_case import kinds
from tests.compilation import jit


@dataclass(frozen=True)
class Network:
    """A network as a pure function of parameters and images."""

    apply: Any
    params: Any
    images: tuple[int, ...]
    transposed: bool = False


def of_haiku():
    def forward(x):
        x = hk.Sequential([
            hk.Conv2D(6, 3, stride=2, name="first"), jax.nn.relu,
            hk.MaxPool(3, 2, "SAME"),
            hk.DepthwiseConv2D(1, 3), jax.nn.gelu,
            hk.Conv2DTranspose(4, 3, stride=2),
            hk.AvgPool(2, 2, "VALID"),
            hk.Flatten(), hk.Linear(5),
        ])(x)  # fmt: skip
        return x

    network = hk.without_apply_rng(hk.transform(forward))
    params = network.init(jax.random.key(0), jnp.zeros((1, 12, 12, 3)))
    return Network(network.apply, params, (2, 12, 12, 3))


def of_equinox():
    keys = jax.random.split(jax.random.key(1), 3)
    network = eqx.nn.Sequential([
        eqx.nn.Conv2d(3, 6, 3, padding=1, key=keys[0]), eqx.nn.Lambda(jax.nn.relu),
        eqx.nn.MaxPool2d(3, 2),
        eqx.nn.Conv2d(6, 6, 3, stride=2, groups=3, key=keys[1]),
        eqx.nn.AvgPool2d(2, 1),
        eqx.nn.Lambda(jnp.ravel), eqx.nn.Linear(6, 5, key=keys[2]),
    ])  # fmt: skip
    params, rest = eqx.partition(network, eqx.is_array)

    def apply(params, x):
        return jax.vmap(eqx.combine(params, rest))(x)

    return Network(apply, params, (2, 3, 12, 12))


def of_linen():
    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.relu(linen.Conv(6, (3, 3), strides=2)(x))
            x = linen.max_pool(x, (2, 2), (2, 2))
            x = linen.Conv(6, (3, 3), feature_group_count=2, kernel_dilation=2)(x)
            x = linen.avg_pool(x, (3, 3), (2, 2), "SAME")
            return linen.Dense(5)(x.reshape(len(x), -1))

    params = Net().init(jax.random.key(2), jnp.zeros((1, 12, 12, 3)))
    return Network(Net().apply, params, (2, 12, 12, 3))


def of_nnx():
    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Conv(3, 6, (3, 3), strides=2, rngs=rngs)
            self.second = nnx.ConvTranspose(6, 4, (3, 3), strides=2, rngs=rngs)
            self.last = nnx.Linear(4 * 36, 5, rngs=rngs)

        def __call__(self, x):
            x = nnx.max_pool(nnx.relu(self.first(x)), (2, 2), (1, 1), "SAME")
            x = nnx.avg_pool(self.second(x), (2, 2), (2, 2))
            return self.last(x.reshape(len(x), -1))

    graph, params = nnx.split(Net(nnx.Rngs(3)))
    return Network(lambda p, x: nnx.merge(graph, p)(x), params, (2, 12, 12, 3), transposed=True)


NETWORKS = {make.__name__.removeprefix("of_"): make for make in (of_haiku, of_equinox, of_linen,
                                                                 of_nnx)}  # fmt: skip


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def as_these_libraries_need():
    """They promote dtypes and ranks."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(params=NETWORKS)
def network(request, as_these_libraries_need):
    return NETWORKS[request.param]()


def images(network):
    return jax.random.normal(jax.random.key(9), network.images)


def loss_of(apply):
    return lambda params, x: (jnp.sin(apply(params, x))).sum()


def assert_close(got, want):
    chex.assert_trees_all_close(got, want, rtol=1e-4, atol=1e-5)


def test_values(network):
    x = images(network)
    want = jit(network.apply)(network.params, x)
    assert want.shape == (2, 5)
    assert_close(jit(accelerate(network.apply))(network.params, x), want)


def test_gradients_taken_before_and_after(network):
    x = images(network)
    want = jit(jax.grad(loss_of(network.apply)))(network.params, x)
    assert all(leaf.any() for leaf in jax.tree.leaves(want))
    assert_close(jit(accelerate(jax.grad(loss_of(network.apply))))(network.params, x), want)
    assert_close(jit(jax.grad(loss_of(accelerate(network.apply))))(network.params, x), want)


def test_nothing_is_left(network):
    found = accelerate.explain(jax.grad(loss_of(network.apply)), network.params, images(network))
    assert not found.left, str(found)
    # The input gradient of a transposed convolution is a convolution.
    inner = "transposed convolution" if network.transposed else "input gradient"
    assert kinds(found.replaced) >= {
        "convolution", inner, "kernel gradient", "max pool", "gradient of a max pool", "sum pool"
    }  # fmt: skip


def test_a_module_is_accelerated_as_a_function():
    """An Equinox module holds functions among its leaves."""
    layer = eqx.nn.Sequential([
        eqx.nn.Conv2d(3, 6, 3, key=jax.random.key(4)), eqx.nn.Lambda(jax.nn.relu)
    ])  # fmt: skip
    x = jax.random.normal(jax.random.key(5), (3, 8, 8))
    want = layer(x)
    assert_close(accelerate(layer)(x), want)
    assert_close(accelerate(lambda module, x: module(x))(layer, x), want)
    assert_close(eqx.filter_jit(accelerate(lambda module, x: module(x)))(layer, x), want)
    loss = lambda module, x: (module(x) ** 2).sum()  # noqa: E731
    gradient = eqx.filter_grad(loss)(layer, x)
    assert_close(eqx.filter_grad(accelerate(loss))(layer, x), gradient)
    assert_close(accelerate(eqx.filter_grad(loss))(layer, x), gradient)


def test_an_nnx_module_is_accelerated_as_a_function():
    model = nnx.Sequential(nnx.Conv(3, 6, (3, 3), rngs=nnx.Rngs(6)), nnx.relu)
    x = jax.random.normal(jax.random.key(7), (2, 8, 8, 3))
    assert_close(accelerate(model)(x), model(x))
    assert kinds(accelerate.explain(model, x).replaced) == {"convolution"}


def test_state_that_a_function_returns_is_returned():
    def forward(x):
        return hk.BatchNorm(True, True, 0.9)(hk.Conv2D(4, 3)(x), is_training=True)

    network = hk.without_apply_rng(hk.transform_with_state(forward))
    x = jax.random.normal(jax.random.key(8), (2, 8, 8, 3))
    params, state = network.init(jax.random.key(0), x)
    want = network.apply(params, state, x)
    got = jit(accelerate(network.apply))(params, state, x)
    assert_close(got, want)
    chex.assert_trees_all_equal_shapes_and_dtypes(got, want)
