"""Images that are split over eight devices: under plain `jit`, and in `jax.shard_map`."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cnn_jax import accelerate
from tests.acceleration.cases import convolution
from tests.acceleration.test_every_case import assert_same, gradient_of, kinds
from tests.compilation import QUICKLY

MESH = Mesh(np.array(jax.devices()), ("images",), axis_types=(AxisType.Auto,))
SPLIT, WHOLE = NamedSharding(MESH, P("images")), NamedSharding(MESH, P())
jit = partial(jax.jit, compiler_options=QUICKLY)


def network(x, kernel):
    y = convolution(jnp.clip(convolution(x, kernel), -2, 2), kernel, strides=(2, 2))
    return lax.reduce_window(y, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "VALID")


def arrays():
    keys = jax.random.split(jax.random.key(0))
    shapes = (16, 6, 7, 4), (3, 3, 4, 4)
    return [jax.random.randint(k, s, -2, 3).astype(jnp.float32) for k, s in zip(keys, shapes)]


def split(x, kernel):
    return jax.device_put(x, SPLIT), jax.device_put(kernel, WHOLE)


@pytest.mark.parametrize("taken", ["before", "after", "not"])
def test_sharded_jit(taken):
    gradient = partial(gradient_of, count=2)
    f, plain = {
        "before": (accelerate(gradient(network)), gradient(network)),
        "after": (gradient(accelerate(network)), gradient(network)),
        "not": (accelerate(network), network),
    }[taken]
    want, given = jit(plain)(*arrays()), split(*arrays())
    got = jit(f)(*given)
    assert_same(got, want)
    by_image = got if taken == "not" else got[0]
    assert by_image.sharding.is_equivalent_to(SPLIT, 4)
    # The images stay where they are.
    assert "all-gather" not in jit(f).lower(*given).compile().as_text()


def test_shardings_of_an_inner_jit_stay():
    @partial(jax.jit, in_shardings=(SPLIT, WHOLE), out_shardings=SPLIT)
    def inner(x, kernel):
        return convolution(x, kernel)

    x, kernel = arrays()
    got = accelerate(inner)(*split(x, kernel))
    assert got.sharding.is_equivalent_to(SPLIT, 4)
    assert_same(got, convolution(x, kernel))
    inside = jax.make_jaxpr(accelerate(inner))(x, kernel).jaxpr.eqns[0].params
    assert inside["out_shardings"] == (SPLIT,)


def shard_mapped(f, check_vma=True):
    return jax.shard_map(
        f, mesh=MESH, in_specs=(P("images"), P()), out_specs=P("images"), check_vma=check_vma
    )


@pytest.mark.parametrize("check_vma", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_shard_map(inside, check_vma):
    """Of an accelerated function, and accelerated."""
    shard = partial(shard_mapped, check_vma=check_vma)
    f = shard(accelerate(network)) if inside else accelerate(shard(network))
    assert_same(jit(f)(*arrays()), jit(network)(*arrays()))
    assert kinds(accelerate.explain(shard(network), *arrays()).replaced) == {
        "convolution",
        "max pool",
    }


@pytest.mark.parametrize("order", ["grad of all", "all of grad"])
@pytest.mark.parametrize("inside", [True, False])
def test_gradients_of_shard_map(inside, order):
    gradient = partial(gradient_of, count=2)
    want = jit(gradient(network))(*arrays())
    if order == "grad of all":
        f = shard_mapped(accelerate(network)) if inside else accelerate(shard_mapped(network))
        got = gradient(f)
    else:
        plain = gradient(shard_mapped(network))
        got = gradient(shard_mapped(accelerate(network))) if inside else accelerate(plain)
    assert_same(jit(got)(*arrays()), want)


def test_collectives_inside_of_shard_map_stay():
    def summed(x, kernel):
        def local(x, kernel):
            step = lambda c, k: (jnp.clip(convolution(c, k), -2, 2), None)  # noqa: E731
            y, _ = lax.scan(step, x, jnp.stack([kernel, -kernel]))
            return lax.psum(jax.jit(network)(y, kernel).sum(), "images") * jnp.ones(())

        return jax.shard_map(local, mesh=MESH, in_specs=(P("images"), P()), out_specs=P())(
            x, kernel
        )

    want = jit(summed)(*arrays())
    assert_same(jit(accelerate(summed))(*arrays()), want)
    assert_same(
        jit(jax.grad(accelerate(summed), (0, 1)))(*arrays()),
        jit(jax.grad(summed, (0, 1)))(*arrays()),
    )
    text = jit(accelerate(summed)).lower(*arrays()).compile().as_text()
    assert re.search("all-reduce", text)


def test_unused_results_of_a_custom_vjp_in_shard_map():
    """Their cotangents are zeros, which vary over the devices as the results do."""

    @jax.custom_vjp
    def layer(x, kernel):
        return convolution(x, kernel), convolution(x, -kernel)

    layer.defvjp(
        lambda x, kernel: (layer(x, kernel), kernel),
        lambda kernel, g: (convolution(g[0] + 2 * g[1], kernel), kernel),
    )

    def by_images(f):
        gradient = jax.grad(lambda x, kernel: f(x, kernel)[0].sum())
        return jax.shard_map(
            gradient, mesh=MESH, in_specs=(P("images"), P()), out_specs=P("images")
        )

    x = arrays()
    want = jit(by_images(layer))(*x)
    assert_same(jit(by_images(accelerate(layer)))(*x), want)
    assert_same(jit(accelerate(by_images(layer)))(*x), want)
