"""Programs: what a callable consists of, and that its steps compute what it computes."""

import re
from functools import partial

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax import lax

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.analysis.program import Constant, Known, evaluate, trace


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


class Normed(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.rest = nnx.Sequential(nnx.Dropout(0.5, rngs=rngs), nnx.Linear(4, 2, rngs=rngs))

    def __call__(self, x):
        return self.rest(self.norm(self.conv(x)))


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.BatchNorm(use_running_average=True)(linen.Conv(4, (3, 3))(x))


def linen_variables(abstract):
    init = partial(LinenNet().init, jax.random.key(0))
    x = jnp.zeros((1, 8, 8, 3))
    return jax.eval_shape(init, x) if abstract else init(x)


def looping(x):
    y = lax.scan(lambda c, row: (c + row, c * row), x[0], x)[1]
    y = lax.while_loop(lambda y: y.sum() < 10.0, lambda y: y + 1.0, y)
    return lax.cond(y.sum() > 20.0, jnp.sin, jnp.cos, y)


KERNEL = normal(3, 3, 3, 2, seed=1)
MATRIX = np.asarray(normal(2, 5, seed=2))


def captures(x):
    """One array of JAX, one of NumPy, and some that the functions in it make."""
    y = F.upsample(F.conv(x, KERNEL), (2, 2), method="linear")
    return F.avg_pool(y, (3, 3), padding=1, count_include_pad=False) @ MATRIX


def filled(model):
    """A model of random numbers, made without its own initialization, which takes seconds."""
    graph, random, state = nnx.split(nnx.eval_shape(model), nnx.RngState, ...)
    state = jax.tree.map(lambda leaf: 0.5 + 0.1 * normal(*leaf.shape, seed=leaf.size), state)
    keys = jax.random.key(0)
    random = jax.tree.map(lambda leaf: keys if leaf.dtype == keys.dtype else jnp.uint32(3), random)
    return nnx.merge(graph, random, state)


def lenet():
    model = models.lenet(dropout=0.5, rngs=nnx.Rngs(0))
    model.eval()
    return model


IMAGE = (2, 8, 8, 3)
# a callable, the shape of its input, parameters or None
RUNS = {
    "nnx": (lambda: filled(lenet), (2, 28, 28, 1)),
    "nnx method": (lambda: filled(lenet).feature_maps, (2, 28, 28, 1)),
    "nnx in training": (lambda: filled(lambda: Normed(nnx.Rngs(0))), IMAGE),
    "equinox": (lambda: eqx.nn.Conv2d(3, 4, 3, key=jax.random.key(0)), (3, 8, 8)),
    "linen": (lambda: partial(LinenNet().apply, linen_variables(False)), IMAGE),
    "captures": (lambda: captures, IMAGE),
    "jitted": (lambda: jax.jit(captures), IMAGE),
    "loops": (lambda: looping, (3, 4)),
    "gradient": (lambda: jax.grad(lambda x: captures(x).sum()), IMAGE),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_steps_compute_what_the_function_computes(name):
    make, shape = RUNS[name]
    f, x = make(), normal(*shape, seed=3)
    program = trace(f, shape)
    made = []

    @jax.jit
    def run(x):
        return evaluate(program, (x,), each=lambda step, arrays: made.append(step))

    got = run(x)
    assert made == list(program.steps)
    with F.using(algorithm="xla"):
        expected = f(x)
    expected = expected if isinstance(expected, dict) else {"": expected}
    assert list(got) == sorted(expected)
    assert list(program.outputs) == list(expected)
    chex.assert_trees_all_close(got, expected, rtol=1e-5, atol=1e-5)


def paths(f, *inputs, **options):
    parameters = trace(f, *inputs, **options).parameters.values()
    return {p.path: p.trainable for p in parameters}


@pytest.mark.parametrize("abstract", [False, True])
def test_parameters_by_path(abstract):
    make = nnx.eval_shape if abstract else lambda make: make()
    assert paths(make(lambda: Normed(nnx.Rngs(0))), IMAGE) == {
        "conv.kernel": True,
        "conv.bias": True,
        "norm.scale": True,
        "norm.bias": True,
        "norm.mean": False,
        "norm.var": False,
        "rest.layers.1.kernel": True,
        "rest.layers.1.bias": True,
    }
    variables = linen_variables(abstract)
    of_linen = {
        "params.Conv_0.kernel": True,
        "params.Conv_0.bias": True,
        "params.BatchNorm_0.scale": True,
        "params.BatchNorm_0.bias": True,
        "batch_stats.BatchNorm_0.mean": False,
        "batch_stats.BatchNorm_0.var": False,
    }
    assert paths(partial(LinenNet().apply, variables), IMAGE) == of_linen
    assert paths(LinenNet().apply, IMAGE, params=variables) == of_linen
    mlp = partial(eqx.nn.MLP, 3, 2, 4, 1)
    key = jax.random.key(0)
    mlp = eqx.filter_eval_shape(mlp, key=key) if abstract else mlp(key=key)
    assert set(paths(mlp, (3,))) == {f"layers.{i}.{n}" for i in (0, 1) for n in ("weight", "bias")}
    assert set(paths(mlp.__call__, (3,))) == set(paths(mlp, (3,)))


def test_captured_arrays_are_parameters_and_made_ones_are_not():
    for f in (captures, jax.jit(captures)):
        parameters = trace(f, IMAGE).parameters.values()
        assert [p.path for p in parameters] == ["captured 1", "captured 2"]
        assert [p.shape for p in parameters] == [KERNEL.shape, MATRIX.shape]
    places = np.array([2, 0, 1])
    assert paths(lambda x: x[:, places] * jnp.float32(2), IMAGE) == {}


def test_captured_arrays_have_the_names_of_what_holds_them():
    weights = {"first": {"kernel": normal(3, 4)}, "second": np.asarray(normal(4, 2))}
    layers = [nnx.Linear(3, 4, rngs=nnx.Rngs(0)), jnp.tanh, nnx.Linear(4, 2, rngs=nnx.Rngs(0))]
    odd = {1: np.asarray(normal(2, 2)), "one": len}
    named = paths(lambda x: x @ weights["first"]["kernel"] @ weights["second"], (2, 3))
    assert named == {"first.kernel": True, "second": True}

    def f(x):
        for layer in layers:
            x = layer(x)
        return x @ odd[1]

    assert set(paths(f, (2, 3))) == {
        *(f"layers.{i}.{name}" for i in (0, 2) for name in ("kernel", "bias")),
        "captured 5",
    }


def test_steps_that_nothing_depends_on_are_left_out():
    def f(x):
        jnp.sin(x)
        return {"b": jnp.cos(x), "a": x + 1.0}

    program = trace(f, (3,))
    assert [step.primitive for step in program.steps] == ["cos", "add"]
    assert list(program.outputs) == ["b", "a"]


def test_steps_know_where_they_come_from():
    program = trace(captures, IMAGE)
    assert {step.source.split(":")[0] for step in program.steps} == {"test_program.py"}
    with jax.named_scope("outer"):
        pass
    scoped = trace(jax.named_scope("scope")(jax.jit(jnp.sin)), (2,))
    assert [step.scope for step in scoped.steps] == ["scope"]


def test_bodies_of_loops_are_programs():
    steps = {step.primitive: step for step in trace(looping, (3, 4)).steps}
    assert [len(steps[name].inner) for name in ("scan", "while", "cond")] == [1, 2, 2]
    (body,) = steps["scan"].inner
    assert {s.primitive for s in body.program.steps} == {"add", "mul"}


def test_bodies_know_what_is_fixed_and_what_is_carried():
    def f(fixed, carried, more, xs):
        y, ys = lax.scan(
            lambda c, x: ((c[0] + fixed, c[1] * 2), c[0].sum() + x), (carried, more), xs
        )
        bound = ys.sum()
        return lax.while_loop(lambda c: c.sum() < bound, lambda c: c + y[0], carried)

    shapes = (2, 3), (2, 3), (4,), (5,)
    program = trace(f, *shapes)
    steps = {step.primitive: step for step in program.steps}
    (scan,), (condition, body) = steps["scan"].inner, steps["while"].inner
    assert (scan.fixed, scan.carried, steps["scan"].turns) == (1, 2, 5)
    assert scan.operands[0] is program.inputs[0]
    assert [operand.shape for operand in scan.operands] == list(shapes)
    assert [value.shape for value in scan.program.inputs] == [(2, 3), (2, 3), (4,), ()]
    assert [(b.fixed, b.carried) for b in (condition, body)] == [(1, 1), (1, 1)]
    assert [b.operands[0].shape for b in (condition, body)] == [(), (2, 3)]
    assert condition.operands[1] is body.operands[1] is program.inputs[1]


def test_known_arrays():
    def f(x):
        return jnp.take(x, jnp.arange(4) * 2 + 1, axis=0, mode="clip") + x[:4] * jnp.sin(2.0)

    program = trace(f, (9,))
    known = Known(program)
    (gather,) = (step for step in program.steps if step.primitive == "gather")
    np.testing.assert_array_equal(np.ravel(known(gather.inputs[1])), [1, 3, 5, 7])
    assert known(gather.inputs[0]) is None
    assert known(gather.outputs[0]) is None
    assert known(Constant(np.float32(3))) == 3


def test_every_kind_of_input():
    x = jax.ShapeDtypeStruct((2, 3), jnp.int32)
    program = trace(lambda *xs: xs, (4,), x, np.zeros((5,), np.float32))
    assert [value.shape for value in program.inputs] == [(4,), (2, 3), (5,)]
    assert [value.dtype for value in program.inputs] == [jnp.float32, jnp.int32, jnp.float32]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: trace("lenet", (1,)), TypeError, "`f` must be callable, such as a module"),
        (lambda: trace(jnp.sin), ValueError, "`inputs` must hold the shape of at least one"),
        (lambda: trace(jnp.sin, (1, -2)), ValueError, "input 0 must be of positive ints; got (1"),
        (lambda: trace(jnp.add, (1,), (1.0,)), TypeError, "Input 1 must be a shape, a tuple of i"),
        (lambda: trace(jnp.sin, 3), TypeError, "Input 0 must be a shape, a tuple of ints such as"),
        (lambda: trace(jnp.sin, np.zeros((0, 2))), ValueError, "Input 0 must have an element"),
        (
            lambda: trace(nnx.eval_shape(lenet), (1, 9, 9, 1)),
            ValueError,
            "`images` must be (*batch, 28, 28, 1)",
        ),
        (
            lambda: evaluate(
                trace(nnx.eval_shape(lenet), (1, 28, 28, 1)), (jnp.zeros((1, 28, 28, 1)),)
            ),
            ValueError,
            "Parameter `conv1.bias` must be an array to run the function; got ShapeDtypeStruct",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()
