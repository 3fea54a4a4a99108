"""Convolutions inside of calls, loops, branches and functions with derivatives of their own."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from cnn_jax import accelerate
from tests.acceleration.cases import convolution
from tests.acceleration.test_every_case import assert_same, gradient_of, kinds
from tests.compilation import jit

SHAPES = (2, 5, 6, 4), (3, 3, 4, 4)
FIXED = jnp.arange(-72.0, 72).reshape(SHAPES[1]) % 3 - 1


def small(x):
    """Values that stay small integers."""
    return jnp.clip(x, -2, 2)


def inside_jit(x, kernel):
    return jax.jit(convolution)(x, kernel)


def inside_scan(x, kernels):
    def step(carry, kernel):
        carry = small(convolution(carry, kernel))
        return carry, carry.sum()

    last, sums = lax.scan(step, x, jnp.stack([kernels, -kernels, kernels]), reverse=True)
    return last * sums[0]


def inside_scan_without_rows(x, kernel):
    return lax.scan(lambda c, _: (small(convolution(c, kernel)), None), x, None, length=3)[0]


def inside_fori(x, kernel):
    return lax.fori_loop(0, 2, lambda i, c: small(convolution(c, kernel)) + i, x)


def inside_cond(x, kernel):
    return lax.cond(
        x.sum() > 0, convolution, lambda x, kernel: x * (kernel[0, 0, 0, 0] + 3), x, kernel
    )


def inside_switch(x, kernel):
    branches = [lambda x, k: x, convolution, lambda x, k: convolution(x, k) * 2]
    return lax.switch(jnp.int32(x[0, 0, 0, 0]) % 3, branches, x, kernel)


def inside_checkpoint(x, kernel):
    return jax.checkpoint(lambda x, k: small(convolution(x, k)))(x, kernel)


@jax.custom_jvp
def doubled_tangent(x, kernel):
    return convolution(x, kernel)


@doubled_tangent.defjvp
def _rule(primals, tangents):
    (x, kernel), (dx, dkernel) = primals, tangents
    return convolution(x, kernel), 2 * convolution(dx, kernel) + 3 * convolution(x, dkernel)


@jax.custom_vjp
def tripled_gradient(x, kernel):
    return convolution(x, kernel)


def _forward(x, kernel):
    return convolution(x, kernel), (x, kernel)


def _backward(kept, g):
    dx, dkernel = jax.vjp(convolution, *kept)[1](g)
    return 3 * dx, -dkernel


tripled_gradient.defvjp(_forward, _backward)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def smoothed_gradient(x, kernel, times):
    """The identity, whose gradient alone holds convolutions."""
    return x


smoothed_gradient.defvjp(
    lambda x, kernel, times: (x, kernel),
    lambda times, kernel, g: (times * convolution(g, kernel), jnp.zeros_like(kernel)),
)


def closed_over(x, kernel):
    """A rule of its own that refers to an array outside, as gradients of losses often do."""

    @jax.custom_vjp
    def layer(x):
        return convolution(x, FIXED)

    layer.defvjp(lambda x: (layer(x), None), lambda _, g: (5 * convolution(g, FIXED),))
    return small(layer(x)) * kernel.sum()


def inside_several(x, kernel):
    def step(carry, _):
        inner = jax.checkpoint(lambda c: lax.cond(c.sum() > 0, tripled_gradient, doubled_tangent,
                                                  c, kernel))  # fmt: skip
        return jax.jit(lambda c: small(inner(c)))(carry), None

    return jax.jit(lambda x: lax.scan(step, x, None, length=2)[0])(x)


FUNCTIONS = (
    inside_jit,
    inside_scan,
    inside_scan_without_rows,
    inside_fori,
    inside_cond,
    inside_switch,
    inside_checkpoint,
    doubled_tangent,
    tripled_gradient,
    partial(smoothed_gradient, times=5),
    closed_over,
    inside_several,
)
every_function = pytest.mark.parametrize(
    "f", FUNCTIONS, ids=lambda f: getattr(f, "__name__", "smoothed_gradient")
)


def arrays(seed=0):
    rng = jax.random.split(jax.random.key(seed))
    return [jax.random.randint(k, s, -2, 3).astype(jnp.float32) for k, s in zip(rng, SHAPES)]


@every_function
@pytest.mark.parametrize("seed", [0, 1])
def test_values(f, seed):
    x = arrays(seed)
    want = jit(f)(*x)
    assert_same(accelerate(f)(*x), want)
    assert_same(jit(accelerate(f))(*x), want)


@every_function
@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_taken_before_and_after(f, seed):
    x = arrays(seed)
    want = jit(gradient_of(f, 2))(*x)
    assert want[0].any()
    assert_same(jit(gradient_of(accelerate(f), 2))(*x), want)
    assert_same(jit(accelerate(gradient_of(f, 2)))(*x), want)


@every_function
def test_vmap_before_and_after(f):
    x = [jnp.stack(pair) for pair in zip(arrays(2), arrays(3))]
    want = jit(jax.vmap(f))(*x)
    assert_same(jit(accelerate(jax.vmap(f)))(*x), want)
    assert_same(jit(jax.vmap(accelerate(f)))(*x), want)


@every_function
def test_what_is_inside_is_replaced(f):
    found = accelerate.explain(gradient_of(f, 2), *arrays())
    assert kinds(found.replaced) >= {"convolution"}
    assert not found.left


def lax_convolutions(jaxpr, found=0):
    """The number of lax's convolutions in a jaxpr that are not chosen by platform."""
    for equation in jaxpr.eqns:
        found += equation.primitive.name == "conv_general_dilated"
        if "branches_platforms" in equation.params:
            continue
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                found = lax_convolutions(inner, found) if hasattr(inner, "eqns") else found
    return found


@every_function
def test_nothing_of_lax_is_left_but_as_a_choice_by_platform(f):
    for g in (f, gradient_of(f, 2)):
        before = lax_convolutions(jax.make_jaxpr(g)(*arrays()).jaxpr)
        assert before > 0 or g is f
        assert lax_convolutions(jax.make_jaxpr(accelerate(g))(*arrays()).jaxpr) == 0
    assert lax_convolutions(jax.make_jaxpr(gradient_of(accelerate(f), 2))(*arrays()).jaxpr) == 0


def test_a_while_loop_stops_where_it_stopped():
    def halved(x, kernel):
        def large(carry):
            return jnp.abs(convolution(carry[0], kernel)).sum() > 100

        return lax.while_loop(large, lambda c: (jnp.trunc(c[0] / 2), c[1] + 1), (x, 0))

    x, kernel = arrays()
    want = jit(halved)(x * 8, kernel)
    assert want[1] > 1
    assert_same(jit(accelerate(halved))(x * 8, kernel), want)


def test_a_checkpoint_still_computes_again():
    """The rematerialized forward pass is in the gradient: one more convolution than without."""

    def two(wrap):
        layer = wrap(lambda x, k: jnp.sin(convolution(x, k)))
        return jax.grad(lambda x, k: layer(layer(x, k), k).sum(), (0, 1))

    def convolutions(f):
        found = accelerate.explain(f, *arrays()).replaced
        return sum(place.what == "convolution" for place in found)

    plain, again = two(lambda f: f), two(jax.checkpoint)
    assert convolutions(again) > convolutions(plain)
    text = str(jax.make_jaxpr(accelerate(again))(*arrays()))
    assert "differentiated=True" in text
    assert "prevent_cse=True" in text


def test_a_jitted_function_keeps_its_name_and_what_it_donates():
    @partial(jax.jit, donate_argnums=0)
    def my_layer(x, kernel):
        return convolution(x, kernel)

    jaxpr = jax.make_jaxpr(accelerate(my_layer))(*arrays()).jaxpr
    (equation,) = jaxpr.eqns
    assert equation.params["name"] == "my_layer"
    assert equation.params["donated_invars"] == (True, False)
    x, kernel = arrays()
    accelerate(my_layer)(x, kernel)
    assert x.is_deleted()


def test_a_jitted_function_compiles_once_outside_of_jit(caplog):
    def my_layer(x, kernel):
        return convolution(x, kernel)

    (x, kernel), layer = arrays(), accelerate(jax.jit(my_layer))
    other = x + 1
    for given, times in ((x, 1), (other, 0)):
        caplog.clear()
        with jax.log_compiles():
            layer(given, kernel)
        assert sum("Compiling jit(my_layer)" in text for text in caplog.messages) == times


def test_a_custom_jvp_keeps_its_symbolic_zeros():
    """What is not differentiated has no tangent, so its term is not computed."""
    x, kernel = arrays()
    by_x = jax.grad(lambda x: accelerate(doubled_tangent)(x, kernel).sum())
    plain = jax.grad(lambda x: doubled_tangent(x, kernel).sum())
    assert_same(by_x(x), plain(x))


def test_forward_mode_of_a_custom_vjp_is_refused_as_before():
    x = arrays()
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(accelerate(tripled_gradient), x, x)


def test_a_custom_vjp_still_knows_what_is_differentiated():
    @jax.custom_vjp
    def layer(x, kernel):
        return convolution(x, kernel)

    def forward(x, kernel):
        return convolution(x.value, kernel.value), (x.value, jnp.float32(kernel.perturbed))

    layer.defvjp(
        forward,
        lambda kept, g: (g * (1 + kept[1]), jnp.full(SHAPES[1], kept[1])),
        symbolic_zeros=True,
    )
    x, kernel = arrays()
    for places in ((0,), (0, 1)):
        by = lambda f, places=places: jax.grad(lambda *a: f(*a).sum(), places)(x, kernel)  # noqa: E731
        assert_same(by(accelerate(layer)), by(layer))


def test_a_custom_vjp_is_not_differentiated_by_what_it_closes_over():
    def by_closure(kernel):
        layer = jax.custom_vjp(lambda x: convolution(x, kernel))
        layer.defvjp(lambda x: (convolution(x, FIXED), None), lambda _, g: (g,))
        return layer(arrays()[0]).sum()

    with pytest.raises(Exception, match="closed-over"):
        jax.grad(accelerate(by_closure))(FIXED)


def test_results_of_a_custom_vjp_that_are_not_used():
    @jax.custom_vjp
    def layer(x, kernel):
        return convolution(x, kernel), convolution(x, -kernel), jnp.int32(3)

    layer.defvjp(
        lambda x, kernel: (layer(x, kernel), kernel),
        lambda kernel, g: (convolution(g[0] + 2 * g[1], kernel), kernel),
    )
    x, kernel = arrays()
    by_x = lambda f: jax.grad(lambda x: f(x, kernel)[0].sum())(x)  # noqa: E731
    assert_same(by_x(accelerate(layer)), by_x(layer))
