"""`summarize`: rows, parameters and costs of networks of any library, and how they are shown."""

import re
from functools import partial

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax import lax

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.analysis import summarize
from cnn_jax.analysis.program import trace
from cnn_jax.analysis.rules import walk


def abstract(*shape, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(shape, dtype)


@pytest.fixture
def other_libraries():
    """Other libraries rely on promotions that the tests of this one forbid."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def rows(summary):
    return [(row.name, row.operation, row.parameters, row.non_trainable) for row in summary.rows]


def field(seen):
    return seen.size, seen.stride, seen.padding


def u_net(kernels, x):
    """Down by a strided convolution, up by a transposed one, and the skipped beside it."""
    skipped = F.conv(x, kernels["first"], padding=1)
    low = F.conv(skipped, kernels["down"], stride=2)
    up = F.conv_transpose(low, kernels["up"], stride=2)
    both = jnp.concatenate([skipped, up], axis=-1)
    return F.conv(both, kernels["last"], padding=1)


U_NET = {
    "first": abstract(3, 3, 3, 4),
    "down": abstract(2, 2, 4, 8),
    "up": abstract(2, 2, 4, 8),
    "last": abstract(3, 3, 8, 2),
}


def test_u_net():
    summary = summarize(u_net, (1, 16, 12, 3), params=U_NET)
    assert [row.operation for row in summary.rows] == [
        "conv",
        "conv",
        "transposed conv",
        "concatenate",
        "conv",
    ]
    pixels = 16 * 12
    assert [row.macs for row in summary.rows] == [
        pixels * 9 * 3 * 4,
        pixels // 4 * 4 * 4 * 8,
        pixels // 4 * 4 * 4 * 8,
        0,
        pixels * 9 * 8 * 2,
    ]
    up, both, last = summary.rows[2:]
    assert (up.window, up.stride, up.padding) == ((2, 2), (2, 2), ((0, 0), (0, 0)))
    # The field of `up` is 4 for every unit, and in two phases: half an element off on average.
    assert [field(row.field[0]) for row in (up, both, last)] == [
        (4, 1, 1.5),
        (4, 1, 1.5),
        (6, 1, 2.5),
    ]
    assert summary.parameters == sum(kernel.size for kernel in U_NET.values())
    assert summary.macs_inside < summary.macs


class HaikuBlock(hk.Module):
    def __call__(self, x, train):
        y = hk.Conv2D(x.shape[-1], 3, with_bias=False)(x)
        y = jax.nn.relu(hk.BatchNorm(True, True, 0.9)(y, train))
        return jax.nn.relu(x + hk.Conv2D(x.shape[-1], 3)(y))


def haiku_network(x, train):
    x = hk.max_pool(hk.Conv2D(8, 7, stride=2)(x), (3, 3, 1), (2, 2, 1), "SAME")
    return hk.Linear(10)(HaikuBlock()(x, train).mean((1, 2)))


@pytest.mark.usefixtures("other_libraries")
def test_haiku():
    network = hk.transform_with_state(haiku_network)
    x = abstract(1, 32, 32, 3)
    params, state = jax.eval_shape(partial(network.init, train=True), jax.random.key(0), x)

    def apply(variables, x):
        variables = variables["params"], variables["state"]
        return network.apply(*variables, None, x, train=False)[0]

    summary = summarize(apply, x, params={"params": params, "state": state})
    assert rows(summary) == [
        ("conv2_d", "conv", 8 * (49 * 3 + 1), 0),
        ("max_pool_1", "max pool", 0, 0),
        ("haiku_block/conv2_d", "conv", 9 * 8 * 8, 0),
        ("haiku_block/batch_norm", "normalization", 16, 16),
        ("haiku_block/conv2_d_1", "conv", 9 * 8 * 8 + 8, 0),
        ("haiku_block.add_1", "add", 0, 0),
        ("global_avg_pool_1", "global avg pool", 0, 0),
        ("linear", "dense", 90, 0),
    ]
    assert summary.non_trainable == sum(leaf.size for leaf in jax.tree.leaves(state))
    assert [row.field[0].size for row in summary.rows] == [7, 11, 19, 19, 27, 27, 55, 55]


class EquinoxNetwork(eqx.Module):
    layers: list
    head: eqx.nn.Linear

    def __init__(self, key):
        first, second, third = jax.random.split(key, 3)
        self.layers = [
            eqx.nn.Conv2d(3, 8, 3, stride=2, padding=1, key=first),
            jax.nn.relu,
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.Conv2d(8, 8, 3, groups=8, key=second),
        ]
        self.head = eqx.nn.Linear(8 * 6 * 6, 10, key=third)

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x.ravel())


@pytest.mark.usefixtures("other_libraries")
def test_equinox_channels_first_without_a_batch():
    network = eqx.filter_eval_shape(EquinoxNetwork, jax.random.key(0))
    summary = summarize(network, (3, 32, 32))
    assert rows(summary) == [
        ("layers.0", "conv", 224, 0),
        ("max_pool_1", "max pool", 0, 0),
        ("layers.3", "depthwise conv", 80, 0),
        ("head", "dense", 2_890, 0),
    ]
    assert [row.output for row in summary.rows] == [
        (1, 8, 16, 16),
        (1, 8, 8, 8),
        (1, 8, 6, 6),
        (10,),
    ]
    assert [(seen.axis, *field(seen)) for seen in summary.rows[2].field] == [
        (1, 13, 4, 1),
        (2, 13, 4, 1),
    ]
    assert summary.rows[2].macs == 8 * 36 * 9


class LinenNetwork(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = linen.Conv(8, (3, 3), strides=2, padding=1)(x)
        x = linen.relu(linen.BatchNorm(use_running_average=True)(x))
        x = linen.avg_pool(x, (2, 2), (2, 2))
        x = linen.GroupNorm(4)(linen.Conv(8, (3, 3), feature_group_count=2, use_bias=False)(x))
        return linen.Dense(5)(x.mean((1, 2)))


@pytest.mark.usefixtures("other_libraries")
def test_linen():
    network = LinenNetwork()
    variables = jax.eval_shape(network.init, jax.random.key(0), abstract(1, 32, 32, 4))
    summary = summarize(partial(network.apply, variables), (1, 32, 32, 4))
    assert rows(summary) == [
        ("Conv_0", "conv", 296, 0),
        ("BatchNorm_0", "normalization", 16, 16),
        ("avg_pool_1", "avg pool", 0, 0),
        ("Conv_1", "grouped conv", 288, 0),
        ("GroupNorm_0", "normalization", 16, 0),
        ("global_avg_pool_1", "global avg pool", 0, 0),
        ("Dense_0", "dense", 45, 0),
    ]
    assert summary.rows[3].groups == 2
    assert not summary.rows[3].field[0].whole
    assert summary.rows[4].field[0].whole  # a mean over all positions
    assert field(summary.rows[4].field[0]) == field(summary.rows[3].field[0])


def test_plain_lax_channels_first():
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((8, 3, 3, 3)).astype(np.float32)
    bias = jnp.asarray(rng.standard_normal((1, 8, 1, 1)), jnp.float32)

    def network(x):
        x = lax.conv(x, kernel, (1, 1), "SAME") + bias
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    summary = summarize(network, (2, 3, 16, 16))
    assert rows(summary) == [("conv_1", "conv", 224, 0), ("max_pool_1", "max pool", 0, 0)]
    assert [(s.axis, *field(s)) for s in summary.outputs[""].field] == [(2, 4, 2, 1), (3, 4, 2, 1)]


class Twice(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(4, 4, (3, 3), rngs=rngs)
        self.norm = nnx.LayerNorm(4, rngs=rngs)
        self.scale = nnx.Param(jnp.ones((4,)))
        self.unused = nnx.Linear(3, 3, rngs=rngs)

    def __call__(self, x):
        once = jax.nn.gelu(self.norm(self.conv(x)))
        return self.norm(self.conv(once)) * self.scale[...].reshape(1, 1, 1, 4)


def test_shared_and_unused_parameters_count_once():
    summary = summarize(nnx.eval_shape(lambda: Twice(nnx.Rngs(0))), (1, 8, 8, 4))
    assert [(row.name, row.parameters, row.remark) for row in summary.rows[:4]] == [
        ("conv", 148, ""),
        ("norm", 8, ""),
        ("conv", 0, "shared"),
        ("norm", 0, "shared"),
    ]
    assert (summary.rows[4].operation, summary.rows[4].parameters) == ("scale and shift", 4)
    assert summary.parameters == 148 + 8 + 4 + 12
    assert summary.macs == 2 * 64 * 9 * 16
    (remark,) = summary.remarks
    assert remark == "nothing depends on 12 of the parameters: `unused.bias`, `unused.kernel`"


class Normed(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), padding="VALID", rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)

    def __call__(self, x):
        return self.norm(self.conv(x))


@pytest.mark.parametrize("train", [False, True])
def test_batch_norm_sees_its_batch_while_training(train):
    model = nnx.eval_shape(lambda: Normed(nnx.Rngs(0)))
    if not train:
        model.eval()
    program = trace(model, (2, 8, 8, 3))
    sight = walk(program).of(program.outputs[""])
    images = sight[0, 0]
    seen_of_first = int(images.low.ravel()[0]), int(images.high.ravel()[0])
    assert seen_of_first == ((0, 1) if train else (0, 0))
    summary = summarize(model, (2, 8, 8, 3))
    assert summary.rows[1].operation == "normalization"
    seen = summary.outputs[""].field[0]
    assert (field(seen), seen.whole) == ((3, 1, 0), train)


def looping(kernel, x):
    x = lax.scan(lambda c, _: (F.conv(c, kernel, padding=1), None), x, None, length=5)[0]
    x = lax.while_loop(lambda c: c.sum() < 1, lambda c: F.conv(c, kernel, padding=1), x)
    return lax.cond(x.sum() > 0, lambda x: F.conv(x, kernel, padding=1), lambda x: 2 * x, x)


def test_control_flow_is_counted_and_doubted():
    summary = summarize(looping, (1, 32, 32, 3), params=abstract(3, 3, 3, 3))
    once = 32 * 32 * 9 * 9
    assert [row.macs for row in summary.rows] == [5 * once, once, once]
    assert [row.remark for row in summary.rows] == ["5 times", "shared", "shared"]
    scanned = summary.rows[0].field[0]
    assert (field(scanned), scanned.exact) == ((11, 1, 5), True)
    assert not summary.outputs[""].field[0].exact
    assert [remark.split("`")[1] for remark in summary.remarks] == ["while", "cond"]
    assert all("test_summarize.py:" in remark for remark in summary.remarks)
    assert summary.memory.training_bytes is None  # no reverse mode through a while loop


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("sort", lambda x: jnp.sort(x, 1)),
        ("gather", lambda x: jnp.take(x, jnp.argmax(x[0, :, 0]), axis=1)),
        ("scatter", lambda x: x.at[:, jnp.argmax(x[0, :, 0])].set(0.0)),
        ("dynamic_slice", lambda x: lax.dynamic_slice_in_dim(x, jnp.argmax(x[0, :, 0]), 2, 1)),
        ("cholesky", lambda x: jnp.linalg.cholesky(x @ x.swapaxes(1, 2))),
    ],
)
def test_what_depends_on_data_in_unknown_ways_is_said(name, f):
    summary = summarize(lambda x: f(F.max_pool(x, (3,), stride=1)), (1, 9, 2))
    assert any(f"`{name}`" in remark for remark in summary.remarks) is (name != "sort")
    (seen,) = summary.outputs[""].field
    assert seen.size == 9
    assert seen.exact is (name == "sort")


def test_paths_that_do_not_align_are_said():
    def uneven(x):
        every = F.max_pool(x, (2, 2), stride=1)[:, :4, :4]
        other = F.max_pool(x, (2, 2), stride=2)
        return {"lost": every + other, "shifted": x[:, 1:, 1:] + F.max_pool(x, (2, 2), stride=1)}

    summary = summarize(uneven, (1, 8, 8, 2))
    remarks = {row.remark for row in summary.rows if row.operation == "add"}
    assert remarks == {
        "paths do not align: strides 1 and 2",
        "paths' centers are 0.5 apart",
    }
    lost, shifted = summary.outputs["lost"].field[0], summary.outputs["shifted"].field[0]
    assert (lost.stride, lost.padding) == (None, None)
    assert field(shifted) == (2, 1, 0)


CONV = abstract(3, 3, 3, 4)
# name: f, what XLA counts besides the multiply-adds
COUNTED = {
    "conv": (lambda k, x: F.conv(x, k), 0),
    "padded": (lambda k, x: F.conv(x, k, padding=1), 0),
    "strided": (lambda k, x: F.conv(x, k, padding=2, stride=2, dilation=2), 0),
    "bias": (lambda k, x: F.conv(x, k, k[0, 0, 0], padding=1), 2 * 10 * 9 * 4),
    "grouped": (lambda k, x: F.conv(x, k[:, :, :1, :3], padding=1, groups=3), 0),
    "dense": (lambda k, x: x.reshape(2, -1) @ x.reshape(-1, 2), 0),
}


@pytest.mark.parametrize("name", COUNTED)
def test_operations_that_xla_counts(name):
    f, others = COUNTED[name]
    summary = summarize(f, (2, 10, 9, 3), params=CONV, cost="xla")
    assert summary.xla is not None
    assert summary.xla.others == others
    assert summary.xla.flops == 2 * summary.macs_inside + others
    assert (summary.macs_inside < summary.macs) is (name not in ("conv", "dense"))


def test_several_inputs_have_fields_of_their_own():
    def network(kernels, x, y):
        x = F.conv(x, kernels["x"], stride=2)
        return x + F.conv(y, kernels["y"], padding=1)

    kernels = {"x": abstract(2, 2, 3, 4), "y": abstract(3, 3, 5, 4)}
    summary = summarize(network, (1, 12, 12, 3), (1, 6, 6, 5), params=kernels)
    seen = {(s.input, s.axis): field(s) for s in summary.outputs[""].field}
    assert seen == {(0, 1): (2, 2, 0), (0, 2): (2, 2, 0), (1, 1): (3, 1, 1), (1, 2): (3, 1, 1)}
    assert "field 0" in str(summary)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: summarize(None, (1,)), TypeError, "`f` must be callable"),
        (
            lambda: summarize(models.lenet, (1, 28, 28, 1)),
            TypeError,
            "`f` must be a function of data: it needs `rngs` too. Make the network first, by `nnx.",
        ),
        (lambda: summarize(Twice, (1, 8, 8, 4)), TypeError, "it is a class. Make the network"),
        (lambda: summarize(jnp.sin), ValueError, "`inputs` must hold the shape of at least one"),
        (
            lambda: summarize(jnp.sin, (2,), cost="flops"),
            ValueError,
            "`cost` must be one of None, 'xla'; got 'flops'.",
        ),
        (
            lambda: summarize(jnp.sin, {"params": {"kernel": np.ones((99, 99))}}, (2,)),
            TypeError,
            "or an array; got a dict; give parameters by `params=`.",
        ),
        (
            lambda: summarize(hk.transform(lambda x: x), (2,)),
            TypeError,
            "; bind its `apply` by `functools.partial`.",
        ),
        (lambda: summarize(jnp.sin, (2.5,)), TypeError, "Input 0 must be a shape, a tuple of ints"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()
