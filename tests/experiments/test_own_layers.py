"""`experiments.compare_ops` on layers that a user writes down, and on those of any network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from cnn_jax import functional as F
from cnn_jax.algorithms import ALGORITHMS
from experiments import compare_ops
from experiments.compare_ops.clocks import pytorch
from experiments.compare_ops.layers.case import BUILT_IN
from experiments.compare_ops.layers.of_model import layers_of
from experiments.compare_ops.layers.sides import inputs, side_function
from experiments.compare_ops.layers.written import convolution, pool
from experiments.running.command import RunError

CONVOLUTIONS = [
    "x=2,9,9,4 kernel=3,3,4,6",
    "x=2,9,8,4 kernel=3,2,2,6 groups=2 stride=2,1 padding=same dilation=1,2",
    "x=2,9,9,4 kernel=3,3,4,6 padding=0:2,-1:1",
    "x=2,9,9,4 kernel=3,3,1,8 groups=4 padding=2 stride=3",
    "x=2,5,6,4 kernel=3,3,2,6 input_dilation=2,3 padding=1:0,-2:3 groups=2",
    "x=2,5,4 kernel=4,4,6 input_dilation=2 stride=2 padding=6 dilation=2",
    "x=1,4,5,6,3 kernel=2,3,2,3,4 padding=causal",
]
POOLS = [
    "max x=2,9,9,4 window=3,3 stride=2 padding=1",
    "max x=2,9,9,4 window=3,3 stride=2 padding=0:2,3:1",
    "min x=2,9,9,4 window=2,3 padding=1",
    "avg x=2,9,9,4 window=3,3 stride=1 padding=0:1,2:0",
    "sum x=2,9,4 window=4 padding=-1:2",
    "avg x=2,6,6,6,3 window=2,2,2",
]
LAYERS = [*map(convolution, CONVOLUTIONS), *map(pool, POOLS)]
SIDES = [(layer, side) for layer in LAYERS for side in layer.sides]
ids = lambda value: getattr(value, "name", str(value))  # noqa: E731


def run(folder, **options):
    options = {"out": folder, "smoke": True, "torch": False, **options}
    return compare_ops.main(compare_ops.Config(**options))


@pytest.mark.parametrize("text", CONVOLUTIONS)
def test_a_convolution_is_what_was_written(text):
    layer, words = convolution(text), dict(word.split("=") for word in text.split())
    assert layer.x == tuple(map(int, words["x"].split(",")))
    assert layer.kernel == tuple(map(int, words["kernel"].split(",")))
    assert layer.groups == int(words.get("groups", 1))
    arrays = [jnp.asarray(array) for array in inputs(layer)]
    assert F.conv(*arrays[:2], **options_of(words)).shape == layer.y


def options_of(words):
    """The options of a text, read by rules of their own."""

    def value(text):
        if text.isalpha():
            return text.upper()
        entries = [[int(n) for n in entry.split(":")] for entry in text.split(",")]
        flat = [entry[0] if len(entry) == 1 else tuple(entry) for entry in entries]
        return flat[0] if len(flat) == 1 and ":" not in text else tuple(flat)

    return {name: value(text) for name, text in words.items() if name not in ("x", "kernel")}


def test_a_pool_has_its_window_as_stride_unless_given():
    assert pool("max x=2,9,9,4 window=3,2").window.stride == (3, 2)
    assert pool("max x=2,9,9,4 window=3,2 stride=1").window.stride == (1, 1)


@pytest.mark.parametrize(("layer", "side"), SIDES, ids=ids)
def test_the_built_in_computes_the_same(layer, side):
    arrays = [jnp.asarray(array) for array in inputs(layer)]
    ours, theirs = (jax.jit(side_function(layer, side, n))(*arrays) for n in ("xla", BUILT_IN))
    assert float(jnp.abs(theirs).max()) > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.skipif(not pytorch.is_installed(), reason="PyTorch is not installed")
def test_torch_computes_the_same():
    worker = pytorch.TorchWorker()
    try:
        for layer, side in SIDES:
            _, result = worker.time(layer, side, 0.0, 1)
            theirs = side_function(layer, side, BUILT_IN)(*map(jnp.asarray, inputs(layer)))
            np.testing.assert_allclose(result, theirs, rtol=1e-4, atol=1e-3, err_msg=layer.name)
        with pytest.raises(pytorch.TorchError, match="PyTorch has no dilated average pool"):
            worker.time(pool("avg x=2,9,9,4 window=3,3 dilation=2"), "output", 0.0, 1)
        with pytest.raises(pytorch.TorchError, match="1 to 3 spatial axes, not of 4"):
            worker.time(convolution("x=2,3,3,3,3,4 kernel=2,2,2,2,4,6"), "output", 0.0, 1)
        half = convolution("x=2,9,9,4 kernel=3,3,4,6 dtype=bfloat16")
        _, result = worker.time(half, "output", 0.0, 1)
        assert result.dtype == np.float32
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("conv", "x=4,9,9,3", r"`--conv` must be given kernel, as in 'x=4,28,28,32 kernel=.*'"),
        ("conv", "x=4,9,9,3 kernel", r"must be words of the form name=value.*; got 'kernel' in"),
        ("conv", "x=4,9,9,3 kernel=3,3,3,8 strid=2", r"got 'strid' in .* Did you mean 'stride'\?"),
        ("conv", "x=4,9,9,3 kernel=3,3,3,8 x=4,9,9,3", "must be given x once"),
        ("conv", "x=4, 9,9,3 kernel=3,3,3,8", r"x must be positive ints with commas .* got 'x=4,'"),
        ("conv", "x=4,0,9,3 kernel=3,3,3,8", "x must be positive ints"),
        ("conv", "x=4,9,9,3 kernel=8", r"a kernel of its window, c // groups and o"),
        ("conv", "x=9,9,3 kernel=3,3,3,8", r"an x of 4 numbers, n, 2 lengths and c"),
        ("conv", "x=4,9,9,3 kernel=3,3,4,8", r"is impossible: `kernel` must be .* takes 4 input"),
        ("conv", "x=4,2,9,3 kernel=3,3,3,8", "is impossible: The window must fit"),
        ("conv", "x=4,9,9,3 kernel=3,3,3,8 stride=1,2,3", "`stride` must be an int or 2 ints"),
        ("conv", "x=4,9,9,3 kernel=3,3,3,8 padding=sam", "Did you mean 'SAME'"),
        ("conv", "x=4,9,9,3 kernel=3,3,3,8 padding=1:2:3", "padding must be a name such as SAME"),
        ("conv", "x=4,9,9,3 kernel=3,3,3,8 groups=1,2", "groups must be a positive int; got"),
        ("conv", "x=4,9,9,3 kernel=3,3,3,8 dtype=int8", "dtype must be one of float32, float64"),
        ("pool", "", "`--pool` must be one of max, min, avg, sum"),
        ("pool", "mx x=4,9,9,3 window=3,3", "`--pool` must be one of max, min, avg, sum"),
        ("pool", "max x=4,9,9,3", "must be given window, as in 'max x="),
        ("pool", "max x=4,9,9,3 window=3,3 groups=3", "`--pool` takes x, window, .* got 'groups'"),
        ("pool", "max x=4,9,9,3 window=10,3", "is impossible: The window must fit"),
    ],
)
def test_a_mistake_is_named(tmp_path, option, text, message):
    with pytest.raises(RunError, match=message):
        run(tmp_path / "none", **{option: (text,)})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conv": ("x=1",), "random": 3}, "`--conv` must be left out with --random; got both"),
        ({"model": "lenet", "steps": True}, "`--model` must be left out with --steps"),
        ({"random": 3, "quick": True}, "`--quick` must be left out with --random"),
        ({"pool": ("max",), "layers": "lenet"}, "`--layers` must be left out with --conv"),
        ({"random": 0}, "`--random` must be positive; got 0"),
        ({"random": 1, "seed": -1}, "`--seed` must be 0 or more; got -1"),
        ({"model": "lenet"}, "`--model` must be given with --input, such as .*; got no --input"),
        ({"input": "1,2"}, "`--input` must be the shape of the input of a --model"),
        ({"conv": "x=1"}, "`--conv` must be a tuple, each entry a text; got 'x=1'"),
    ],
)
def test_layers_are_chosen_in_one_way(options, message):
    with pytest.raises(RunError, match=message):
        compare_ops.Config(**options)


def test_every_algorithm_that_computes_it_is_compared(tmp_path, capsys):
    found = run(tmp_path, conv=("x=1,9,9,4 kernel=3,3,2,6 groups=2",))
    assert len(found.results) == 3
    for case in found.results:
        assert {m.contender for m in case.measurements} == {BUILT_IN, "auto", *ALGORITHMS}
        able = {m.contender for m in case.measurements if m.milliseconds}
        assert {"shifted", "im2col", "auto"} <= able
        assert case.taken in able
        assert all(m.largest_error < 1e-4 for m in case.measurements[1:] if m.milliseconds)
    printed = capsys.readouterr().out
    assert "winograd: it takes one group of channels" in printed
    assert f"auto: {found.results[0].taken}" in printed


def test_float64_is_compared_in_float64(tmp_path):
    (case, *_) = run(
        tmp_path, conv=("x=1,9,4 kernel=3,4,6 dtype=float64",), algorithms="im2col"
    ).results
    assert case.by("im2col").largest_error < 1e-14
    assert jnp.ones(1).dtype == jnp.float32


class Tiny(nnx.Module):
    """A network with one layer twice, in training mode until it is told otherwise."""

    def __init__(self, in_channels, *, rngs):
        self.first = nnx.Conv(in_channels, 4, (3, 3), strides=2, rngs=rngs)
        self.second = nnx.Conv(4, 4, (3, 3), rngs=rngs)
        self.third = nnx.Conv(4, 4, (3, 3), rngs=rngs)

    def __call__(self, x):
        x = self.third(self.second(self.first(x)))
        return F.avg_pool(x, (2, 2)).mean((1, 2))


def channels_first(x):
    """A function of images in PyTorch's layout, convolved, convolved back and pooled."""
    numbers = ("NCHW", "OIHW", "NCHW")
    y = lax.conv_general_dilated(
        x, jnp.ones((6, 1, 3, 3)), (1, 1), "SAME", dimension_numbers=numbers, feature_group_count=3
    )
    y = lax.conv_transpose(
        y, jnp.ones((2, 2, 6, 5)), (2, 2), "VALID", dimension_numbers=("NCHW", "HWIO", "NCHW")
    )
    return lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), "VALID")


def integers(x):
    """A convolution that is not compared."""
    x, kernel = x.astype(jnp.int8), jnp.ones((1, 1, 3, 3), jnp.int8)
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=numbers)


nothing = jnp.sin
not_a_function = 3
HERE = "tests.experiments.test_own_layers"


def test_the_layers_of_a_constructor():
    first, other, pooled = layers_of(f"{HERE}:Tiny", "2,9,9,3")
    assert (first.name, first.x, first.kernel) == ("first", (2, 9, 9, 3), (3, 3, 3, 4))
    assert (first.window.stride, first.y) == ((2, 2), (2, 5, 5, 4))
    assert (other.name, other.kernel) == ("second and 1 like it", (3, 3, 4, 4))
    assert (pooled.operation, pooled.size, pooled.y) == ("avg_pool", (2, 2), (2, 2, 2, 4))


def test_the_layers_of_a_function_with_channels_first():
    grouped, transposed, pooled = layers_of(f"{HERE}:channels_first", "2,3,8,10")
    assert (grouped.x, grouped.kernel, grouped.groups) == ((2, 8, 10, 3), (3, 3, 1, 6), 3)
    assert (transposed.window.base_dilation, transposed.y) == ((2, 2), (2, 16, 20, 5))
    assert (pooled.operation, pooled.x, pooled.size) == ("max_pool", (2, 16, 20, 5), (3, 3))
    assert (pooled.window.stride, pooled.y) == ((2, 2), (2, 7, 9, 5))


def test_the_layers_of_our_networks():
    found = layers_of("resnet18", "4,224,224,3")
    assert {layer.x[0] for layer in found} == {4}
    first = found[0]
    assert (first.x, first.kernel) == ((4, 224, 224, 3), (7, 7, 3, 64))
    named = {layer.name for layer in found}
    assert any(name.endswith("and 3 like it") for name in named)
    assert sum(layer.operation == "conv" for layer in found) == 11


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        ("resnet19", "4,224,224,3", r"`--model` resnet19 .* Did you mean 'resnet18'\?"),
        ("resnet18", "4,224,3", "must have all axes: images, height, width, channels"),
        ("resnet18", "4,x", r"must be ints from 1 on with commas between"),
        ("lenet", "4,2,2,1", "with `--input` 4,2,2,1: "),
        (f"{HERE}:absent", "1,2", "cannot be imported"),
        (f"{HERE}:nothing", "1,2", "a convolution or a pool of floats; it has no layers"),
        (f"{HERE}:integers", "1,2,2,3", "of floats; it has conv"),
        (f"{HERE}:not_a_function", "1,2", "must be a constructor, an NNX module or a function"),
        ("os:getcwd", "1,2", "getcwd"),
    ],
)
def test_a_wrong_network_is_named(model, shape, message):
    with pytest.raises(RunError, match=message):
        layers_of(model, shape)


def test_a_network_is_compared(tmp_path, capsys):
    found = run(tmp_path, model=f"{HERE}:Tiny", input="2,9,9,3", algorithms="auto,im2col")
    assert [case.side for case in found.results[:3]] == ["output", "input_grad", "kernel_grad"]
    assert len(found.results) == 8
    for case in found.results:
        assert case.by("auto").largest_error < 1e-5
    assert "Tiny first" in capsys.readouterr().out
