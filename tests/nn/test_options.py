"""Every option of every layer does what the function's does, and the defaults are the function's.

A layer that gains an option fails here until the table below has a value of it that matters.
"""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import nn

# Of each layer: its function, its arguments, an input, and for each option that it hands on a value
# that changes the result, with what else that needs.
TABLE = {
    nn.Conv: (
        F.conv,
        {"in_channels": 4, "out_channels": 6, "kernel_size": (3, 2)},
        (2, 7, 6, 4),
        {
            "stride": ((2, 1), {}),
            "padding": (((1, 0), (0, 2)), {}),
            "padding_mode": ("reflect", {"padding": 1}),
            "dilation": ((1, 3), {}),
            "input_dilation": ((2, 3), {}),
            "groups": (2, {}),
        },
    ),
    nn.DepthwiseConv: (
        F.depthwise_conv,
        {"channels": 4, "kernel_size": (3, 2), "multiplier": 2},
        (2, 7, 6, 4),
        {
            "stride": ((2, 1), {}),
            "padding": (((1, 0), (0, 2)), {}),
            "padding_mode": ("circular", {"padding": 1}),
            "dilation": ((1, 3), {}),
            "input_dilation": ((2, 3), {}),
        },
    ),
    nn.SeparableConv: (
        F.separable_conv,
        {"in_channels": 4, "out_channels": 6, "kernel_size": (3, 2), "multiplier": 2},
        (2, 7, 6, 4),
        {
            "stride": ((2, 1), {}),
            "padding": (((1, 0), (0, 2)), {}),
            "padding_mode": ("replicate", {"padding": 1}),
            "dilation": ((1, 3), {}),
            "input_dilation": ((2, 3), {}),
        },
    ),
    nn.ConvTranspose: (
        F.conv_transpose,
        {"in_channels": 4, "out_channels": 6, "kernel_size": (3, 2)},
        (2, 7, 6, 4),
        {
            "stride": ((2, 1), {}),
            "padding": (((1, 0), (0, 1)), {}),
            "output_padding": ((1, 0), {"stride": 2}),
            "dilation": ((1, 3), {}),
            "groups": (2, {}),
        },
    ),
    nn.ConvLocal: (
        F.conv_local,
        {"in_channels": 4, "out_channels": 6, "kernel_size": (3, 2), "input_size": (5, 4)},
        (2, 5, 4, 4),
        {
            "stride": ((2, 1), {}),
            "padding": (((1, 0), (0, 2)), {}),
            "dilation": ((1, 3), {}),
            "groups": (2, {}),
        },
    ),
    nn.DeformConv: (
        F.deform_conv,
        {"in_channels": 4, "out_channels": 6, "kernel_size": (3, 2), "modulated": True},
        (2, 7, 6, 4),
        {
            "stride": ((2, 1), {}),
            "padding": (((1, 0), (0, 2)), {}),
            "dilation": ((1, 3), {"padding": "SAME"}),
            "groups": (2, {}),
            "offset_groups": (2, {}),
        },
    ),
}
# Which way a result is computed is handed on too, but changes at most its last digits.
WAYS = {"algorithm": "lax", "precision": "highest"}
# What a layer does itself; tested below, or with the layer's arguments above.
OWN = {"use_bias", "bias_init", "param_dtype", "dtype", "rngs"}
INITS = {nn.SeparableConv: {"depthwise_init", "pointwise_init"}}
OTHERS = {
    nn.Conv: {"weight_standardization"},  # test_standardized_kernels_have_mean_0_and_variance_1
    nn.DepthwiseConv: {"multiplier"},
    nn.SeparableConv: {"multiplier"},
    nn.ConvLocal: {"input_size"},
    nn.DeformConv: {"modulated"},  # test_deformable_is_the_functional_call
}
CASES = [(layer, option) for layer, (*_, options) in TABLE.items() for option in options]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def made(layer, **options):
    """The layer with random numbers in all its parameters."""
    model = layer(**TABLE[layer][1] | options, rngs=nnx.Rngs(0))
    graph, state = nnx.split(model)
    return nnx.merge(
        graph, jax.tree.map(lambda leaf: jnp.asarray(0.3 * numbers(leaf.shape)), state)
    )


def called(layer, model, x, **options):
    """The function with the layer's parameters and these options, and no others."""
    function, bias = TABLE[layer][0], model.bias[...]
    if layer is nn.SeparableConv:
        kernels = model.depthwise_kernel[...], model.pointwise_kernel[...]
        return function(x, *kernels, bias, **options)
    if layer is not nn.DeformConv:
        return function(x, model.kernel[...], bias, **options)
    shared = {name: options[name] for name in ("stride", "padding", "dilation") if name in options}
    y = F.conv(x, model.moves.kernel[...], model.moves.bias[...], **shared)
    groups, taps = options.get("offset_groups", 1), 3 * 2
    offsets = y[..., : groups * taps * 2].reshape(*y.shape[:-1], groups, taps, 2)
    mask = jax.nn.sigmoid(y[..., groups * taps * 2 :].reshape(*y.shape[:-1], groups, taps))
    return function(x, model.kernel[...], offsets, mask, bias, **options)


def spied(monkeypatch, layer):
    """What the layer's function is called with, one entry per call; it computes nothing."""
    calls, function = [], TABLE[layer][0]
    name = "conv" if layer is nn.DepthwiseConv else function.__name__
    monkeypatch.setattr(F, name, lambda *arrays, **options: calls.append(options))
    return calls


def keyword_only(call):
    function = call.__init__ if inspect.isclass(call) else call
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY}


@pytest.mark.parametrize("layer", TABLE, ids=lambda layer: layer.__name__)
def test_every_option_is_listed_and_has_the_default_of_the_function(layer):
    function, _, _, options = TABLE[layer]
    ours, theirs = keyword_only(layer), keyword_only(function)
    handed = set(options) | (set(WAYS) & set(theirs))
    inits = INITS.get(layer, {"kernel_init"})
    assert set(ours) == handed | OWN | inits | OTHERS.get(layer, set())
    assert {name: ours[name] for name in handed} == {name: theirs[name] for name in handed}
    # What the function takes and the layer does not give: it depends on the input.
    assert set(theirs) - handed <= {"preferred_element_type", "output_shape"}


def test_every_layer_is_listed():
    layers = {thing for thing in vars(nn).values() if inspect.isclass(thing)}
    assert {layer for layer in layers if issubclass(layer, nnx.Module)} == set(TABLE)


@pytest.mark.parametrize(
    ("layer", "option"), CASES, ids=lambda part: getattr(part, "__name__", part)
)
def test_an_option_does_what_the_function_does(layer, option):
    _, _, size, options = TABLE[layer]
    value, also = options[option]
    x = numbers(size)
    model, plain = made(layer, **also, **{option: value}), made(layer, **also)
    expected = called(layer, model, x, **also, **{option: value})
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-5)
    if jax.tree.map(jnp.shape, nnx.state(model)) == jax.tree.map(jnp.shape, nnx.state(plain)):
        without = plain(x)
        assert without.shape != expected.shape or jnp.abs(without - expected).max() > 0.01


@pytest.mark.parametrize("option", WAYS)
@pytest.mark.parametrize("layer", TABLE, ids=lambda layer: layer.__name__)
def test_the_way_is_handed_on(layer, option, monkeypatch):
    if option not in keyword_only(layer):
        assert (layer, option) == (nn.DeformConv, "algorithm")
        return
    model, calls = made(layer, **{option: WAYS[option]}), spied(monkeypatch, layer)
    model(numbers(TABLE[layer][2]))
    assert [call[option] for call in calls] == [WAYS[option]]


def test_the_way_of_the_convolution_that_moves_the_taps(monkeypatch):
    model, calls = made(nn.DeformConv, precision="highest"), []
    conv = F.conv
    monkeypatch.setattr(F, "conv", lambda *a, **o: calls.append(o) or conv(*a, **o))
    model(numbers((2, 7, 6, 4)))
    assert [call["precision"] for call in calls] == ["highest"]


@pytest.mark.parametrize("layer", TABLE, ids=lambda layer: layer.__name__)
def test_initializers_and_dtypes_are_used(layer):
    arguments = TABLE[layer][1]
    for number, name in enumerate(sorted(INITS.get(layer, {"kernel_init"}) | {"bias_init"}), 2):

        def fill(key, shape, dtype, number=number):
            return jnp.full(shape, number, dtype)

        model = layer(**arguments, **{name: fill}, param_dtype=jnp.float16, rngs=nnx.Rngs(0))
        parameter = getattr(model, name.replace("_init", "_kernel" if "wise" in name else ""))
        assert (parameter[...] == number).all()
        assert {leaf.dtype for leaf in jax.tree.leaves(nnx.state(model))} == {jnp.dtype("float16")}
    model = layer(**arguments, dtype="bfloat16", use_bias=False, rngs=nnx.Rngs(0))
    assert model.bias is None
    assert model(numbers(TABLE[layer][2])).dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("layer", "name", "shape", "variance"),
    [
        (lambda **o: nn.Conv(100, 200, (3, 3), **o), "kernel", (3, 3, 100, 200), 2 / 900),
        (lambda **o: nn.Conv(100, 200, (3, 3), groups=2, **o), "kernel", (3, 3, 50, 200), 2 / 450),
        (lambda **o: nn.DepthwiseConv(3000, (5, 5), **o), "kernel", (5, 5, 1, 3000), 2 / 25),
        (lambda **o: nn.ConvTranspose(200, 100, (3, 3), **o), "kernel", (3, 3, 100, 200), 2 / 1800),
        (lambda **o: nn.DeformConv(100, 200, (3, 3), **o), "kernel", (3, 3, 100, 200), 2 / 900),
        (
            lambda **o: nn.ConvLocal(30, 40, (3, 3), input_size=8, **o),
            "kernel",
            (6, 6, 3, 3, 30, 40),
            2 / 270,
        ),
        (
            lambda **o: nn.SeparableConv(3000, 30, (5, 5), **o),
            "depthwise_kernel",
            (5, 5, 1, 3000),
            2 / 25,
        ),
        (
            lambda **o: nn.SeparableConv(3000, 30, (5, 5), **o),
            "pointwise_kernel",
            (1, 1, 3000, 30),
            1 / 3000,
        ),
    ],
)
def test_default_initializers(layer, name, shape, variance):
    """A normal distribution cut at two of its deviations, which leaves 0.8796 of the deviation."""
    model = layer(rngs=nnx.Rngs(0))
    kernel = np.asarray(getattr(model, name)[...])
    assert kernel.shape == shape
    assert kernel.var() == pytest.approx(variance, rel=0.03)
    assert np.abs(kernel).max() == pytest.approx(2 / 0.87962566 * variance**0.5, rel=0.01)
    assert not model.bias[...].any()


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"use_bias": "no"}, TypeError, "`use_bias` must be True or False; got 'no'."),
        ({"kernel_init": 0}, TypeError, "`kernel_init` must be a function of (key, shape, dtype)"),
        ({"bias_init": None}, TypeError, "`bias_init` must be a function of (key, shape, dtype)"),
        (
            {"kernel_init": lambda key, shape, dtype: jnp.zeros((2, 2))},
            ValueError,
            "`kernel_init` must make an array of shape (3, 2, 4, 6); got (2, 2).",
        ),
        ({"dtype": "x"}, TypeError, "`dtype` must be a dtype, such as jnp.bfloat16"),
        ({"param_dtype": "x"}, TypeError, "`param_dtype` must be a dtype, such as jnp.bfloat16"),
        ({"padding_mode": np.ones(3)}, ValueError, "`padding_mode` must be one of"),
        ({"padding_mode": "wrap"}, ValueError, "`padding_mode` must be one of"),
        ({"algorithm": np.ones(3)}, TypeError, "`algorithm` must be a name; got an array"),
        ({"stride": 2**40}, ValueError, "`stride` must be at most 2147483647"),
        ({"out_channels": 2**40}, ValueError, "`out_channels` must be at most 2147483647"),
        ({"groups": True}, TypeError, "`groups` must be a positive int; got True."),
        ({"weight_standardization": 1}, TypeError, "`weight_standardization` must be True or Fa"),
        ({"kernel_size": 5}, TypeError, "got 5. For images write (5, 5)."),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, kind, text):
    with pytest.raises(kind) as raised:
        nn.Conv(**TABLE[nn.Conv][1] | options, rngs=nnx.Rngs(0))
    assert text in str(raised.value)


def test_a_layer_can_be_hashed_with_any_of_its_options():
    for layer, option in CASES:
        value, also = TABLE[layer][3][option]
        as_lists = [list(map(list, value))] if option == "padding" else [value]
        for written in as_lists:
            options = TABLE[layer][1] | also | {option: written}
            make = partial(layer, **options)
            graph, _ = nnx.split(nnx.eval_shape(lambda make=make: make(rngs=nnx.Rngs(0))))
            hash(graph)
