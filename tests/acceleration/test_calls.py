"""Arguments and results of every kind, names in profiles, what `explain` says, and wrong use."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import cnn_jax
from cnn_jax import accelerate
from cnn_jax import functional as F
from tests.acceleration.cases import convolution
from tests.acceleration.test_control_flow import arrays
from tests.acceleration.test_every_case import assert_same, kinds


def test_trees_keywords_and_what_is_no_array():
    def layer(params, x, *, activation, flip=False, name="layer"):
        y = activation(convolution(x, params["kernel"]))
        return {
            "y": jnp.flip(y) if flip else y,
            "name": name,
            "none": None,
            "size": (3, activation),
        }

    x, kernel = arrays()
    given = ({"kernel": kernel, "unused": "text"}, x)
    options = {"activation": jnp.tanh, "flip": True, "name": "mine"}
    want, got = layer(*given, **options), accelerate(layer)(*given, **options)
    assert jax.tree.structure(got) == jax.tree.structure(want)
    assert got["name"] == "mine"
    assert got["size"] == (3, jnp.tanh)
    np.testing.assert_allclose(got["y"], want["y"], rtol=1e-6)


def test_numpy_arrays_keys_and_python_numbers():
    def f(x, kernel, key, scale, flag):
        assert isinstance(scale, float)
        y = convolution(x, kernel) * scale
        return y + jax.random.normal(key, y.shape) if flag else y

    x, kernel = arrays()
    given = (np.asarray(x), np.asarray(kernel), jax.random.key(0), 0.5, True)
    np.testing.assert_allclose(accelerate(f)(*given), f(x, *given[1:]), rtol=1e-5)


def test_as_a_decorator():
    @jax.jit
    @accelerate
    def layer(x, kernel):
        """A layer."""
        return convolution(x, kernel)

    assert layer.__name__ == "layer"
    assert layer.__doc__ == "A layer."
    assert_same(layer(*arrays()), convolution(*arrays()))


def test_what_a_function_closes_over_is_differentiated():
    x, kernel = arrays()
    through = lambda wrap: jax.grad(lambda k: (wrap(lambda x: convolution(x, k))(x) ** 2).sum())  # noqa: E731
    assert_same(through(accelerate)(kernel), through(lambda f: f)(kernel))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int8", "int32"])
def test_dtypes(dtype):
    with (
        jax.enable_x64(dtype == "float64")
        if hasattr(jax, "enable_x64")
        else (jax.experimental.enable_x64(dtype == "float64"))
    ):
        x, kernel = (a.astype(dtype) for a in arrays())
        want = jax.jit(convolution)(x, kernel)
        got = jax.jit(accelerate(convolution))(x, kernel)
        assert got.dtype == want.dtype == jnp.dtype(dtype)
        assert_same(got, want)
        found = accelerate.explain(convolution, x, kernel)
        assert kinds(found.replaced) == {"convolution"}


@pytest.mark.parametrize("shape", [(0, 5, 6, 4), (2, 5, 6, 0), (2, 1, 1, 4)])
def test_empty_arrays(shape):
    valid = partial(convolution, padding="VALID")
    x, kernel = jnp.ones(shape), jnp.ones((3, 3, shape[-1], 4))
    assert_same(accelerate(valid)(x, kernel), valid(x, kernel))


def test_names_in_profiles():
    def network(x, kernel):
        with jax.named_scope("my_stage"):
            y = convolution(x, kernel)
        return jnp.sin(y)

    def names(f):
        text = jax.jit(f).lower(*arrays()).as_text(debug_info=True)
        return {line for line in text.splitlines() if line.startswith("#loc")}

    plain, ours = "\n".join(names(network)), "\n".join(names(accelerate(network)))
    for part in ("my_stage/", "sin"):
        assert part in plain
        assert part in ours


def test_what_is_ours_already_stays():
    """A convolution that was chosen by platform is not chosen again."""
    x, kernel = arrays()[0], jnp.ones((3, 3, 1, 4))
    plain = partial(convolution, feature_group_count=4)
    for f in (partial(F.conv, padding="SAME", groups=4), accelerate(plain)):
        found = accelerate.explain(f, x, kernel)
        assert not found.replaced
        assert {place.reason for place in found.left} == {"it is chosen by platform already"}
        before, after = (str(jax.make_jaxpr(g)(x, kernel)) for g in (f, accelerate(f)))
        assert before.count("conv_general_dilated") == after.count("conv_general_dilated")


def test_using_names_the_algorithm():
    x, kernel = arrays()
    for name in ("xla", "shifted"):
        with F.using(algorithm=name):
            program = jax.jit(accelerate(convolution)).lower(x, kernel).as_text()
            (place,) = accelerate.explain(convolution, x, kernel).replaced
        assert ("stablehlo.convolution" in program) == (name == "xla")
        assert not place.algorithm


def test_explain_says_what_is_replaced_and_where():
    def network(x, kernel):
        with jax.named_scope("stage"):
            y = jax.jit(convolution)(x, kernel)
        return lax.reduce_window(y, 1.0, lax.mul, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    found = accelerate.explain(network, *arrays())
    (conv,), (product,) = found.replaced, found.left
    assert (conv.what, conv.operands) == ("convolution", ((2, 5, 6, 4), (3, 3, 4, 4)))
    assert conv.where == "stage/convolution"
    assert conv.algorithm
    assert product.reason == "its computation is none of max, min and sum"
    lines = str(found).splitlines()
    assert lines[0].split() == ["what", "operands", "algorithm", "on", "CPU", "where"]
    assert "left: its computation is none of max, min and sum" in lines[2]
    assert str(accelerate.explain(jnp.sin, 1.0)).startswith("nothing to replace")


def test_explain_takes_shapes():
    x, kernel = (jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays())
    assert kinds(accelerate.explain(convolution, x, kernel).replaced) == {"convolution"}


def test_complex_numbers():
    x, kernel = (a.astype(jnp.complex64) * (1 + 2j) for a in arrays())
    assert kinds(accelerate.explain(convolution, x, kernel).replaced) == {"convolution"}
    assert_same(jax.jit(accelerate(convolution))(x, kernel), jax.jit(convolution)(x, kernel))


def test_a_symbolic_batch_stays():
    shape = jax.export.symbolic_shape("n, 5, 6, 4")
    x, kernel = jax.ShapeDtypeStruct(shape, jnp.float32), arrays()[1]
    (place,) = accelerate.explain(convolution, x, kernel).left
    assert place.reason == "its shape is symbolic"
    exported = jax.export.export(jax.jit(accelerate(convolution)))(x, kernel)
    assert_same(exported.call(*arrays()), convolution(*arrays()))


def test_errors_of_the_function_are_its_own():
    with pytest.raises(ValueError, match="conv_general_dilated"):
        accelerate(convolution)(jnp.ones((1, 4, 4, 3)), jnp.ones((3, 3, 4, 2)))


@pytest.mark.parametrize("transform", [accelerate, accelerate.explain])
def test_what_is_no_function_is_refused(transform):
    with pytest.raises(TypeError, match=r"`f` must be a function of arrays.*; got 3"):
        transform(3)


def test_it_is_found_at_the_top():
    assert cnn_jax.accelerate is accelerate
    assert cnn_jax.acceleration.explain is accelerate.explain


def test_numbers_of_a_call_are_traced_inside_of_grad():
    """`jax.grad` makes arrays of Python's numbers."""
    x, kernel = arrays()
    by_scale = jax.grad(lambda scale: accelerate(lambda s: convolution(x * s, kernel))(scale).sum())
    plain = jax.grad(lambda scale: convolution(x * scale, kernel).sum())
    chex.assert_trees_all_close(by_scale(2.0), plain(2.0))


@pytest.mark.parametrize(
    ("computation", "what"),
    [
        (lax.max, "max pool"), (lax.min, "min pool"), (lax.add, "sum pool"),
        (jnp.maximum, "max pool"), (lambda a, b: lax.add(b, a), "sum pool"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("base", [1, 2])
def test_reductions_that_start_at_a_value_of_their_own(computation, what, base):
    def reduced(x, start):
        window, strides, dilation = (1, 3, 2, 1), (1, 2, 2, 1), (1, base, 1, 1)
        return lax.reduce_window(
            x, start, computation, window, strides, "SAME", base_dilation=dilation
        )

    x, start = arrays()[0], jnp.float32(-1 if computation is lax.min else 1)
    want = reduced(x, start)
    assert (want == start).any()
    assert_same(jax.jit(accelerate(reduced))(x, start), want)
    found = accelerate.explain(jax.jit(reduced), x, start)
    assert kinds(found.replaced) == {what}
    assert not found.left


@pytest.mark.parametrize(
    "computation", [lax.mul, lambda a, b: lax.max(a, a), lambda a, b: lax.add(a, b) + 1]
)
def test_other_reductions_stay(computation):
    def reduced(x):
        return lax.reduce_window(x, 1.0, computation, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    (place,) = accelerate.explain(jax.jit(reduced), arrays()[0]).left
    assert place.reason == "its computation is none of max, min and sum"
    assert_same(accelerate(reduced)(arrays()[0]), reduced(arrays()[0]))
