"""The other convolutional layers: their parameters, and that a call is that of the function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import nn


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def with_bias(layer):
    """`layer` with a bias that is not zero."""
    layer.bias[...] = jnp.asarray(numbers(*layer.bias.shape))
    return layer


# name: how the layer is made, and the input it is called with.
LAYERS = {
    "transpose": (lambda **o: nn.ConvTranspose(4, 6, (3, 2), **o), (2, 5, 4, 4)),
    "transpose, options": (
        lambda **o: nn.ConvTranspose(
            4, 6, (3,), stride=3, padding=[[1, 0]], output_padding=2, dilation=2, groups=2, **o
        ),
        (2, 5, 4),
    ),
    "depthwise": (lambda **o: nn.DepthwiseConv(3, (3, 2), **o), (2, 5, 4, 3)),
    "depthwise, options": (
        lambda **o: nn.DepthwiseConv(
            3, [3, 2], multiplier=2, stride=[2, 1], padding="SAME", padding_mode="reflect", **o
        ),
        (5, 4, 3),
    ),
    "separable": (lambda **o: nn.SeparableConv(3, 4, (3, 2), **o), (2, 5, 4, 3)),
    "separable, options": (
        lambda **o: nn.SeparableConv(3, 4, (3,), multiplier=2, padding=1, input_dilation=2, **o),
        (2, 5, 3),
    ),
    "local": (lambda **o: nn.ConvLocal(4, 6, (3, 2), input_size=(5, 4), **o), (2, 5, 4, 4)),
    "local, options": (
        lambda **o: nn.ConvLocal(
            4, 6, (3, 2), input_size=7, stride=(2, 1), padding="same", dilation=2, groups=2, **o
        ),
        (7, 7, 4),
    ),
    "deformable": (lambda **o: nn.DeformConv(4, 6, (3, 2), **o), (2, 5, 4, 4)),
    "deformable, options": (
        lambda **o: nn.DeformConv(
            4, 6, [2, 2], modulated=True, stride=[2, 1], padding=[[1, 0], [0, 1]], dilation=2,
            groups=2, offset_groups=2, **o
        ),
        (2, 6, 5, 4),
    ),
    "standardized": (
        lambda **o: nn.Conv(4, 6, (3, 2), weight_standardization=True, **o),
        (2, 5, 4, 4),
    ),
}  # fmt: skip


def made(name, **options):
    make, shape = LAYERS[name]
    return make(**options, rngs=nnx.Rngs(0)), numbers(*shape)


def test_transpose_is_the_functional_call():
    layer, y = made("transpose, options")
    assert layer.kernel.shape == (3, 3, 4)
    assert with_bias(layer).bias.shape == (6,)
    options = {"stride": 3, "padding": ((1, 0),), "dilation": 2, "groups": 2}
    kernel, bias = layer.kernel[...], layer.bias[...]
    expected = F.conv_transpose(y, kernel, bias, output_padding=2, **options)
    np.testing.assert_array_equal(layer(y), expected)
    assert F.conv(expected, kernel, **options).shape == y.shape


def test_transpose_takes_the_shape_to_return():
    layer = nn.ConvTranspose(4, 6, (3, 3), stride=2, padding=1, rngs=nnx.Rngs(0))
    y = numbers(2, 4, 4, 4)
    assert layer(y).shape == (2, 7, 7, 6)
    assert layer(y, output_shape=(8, 7)).shape == (2, 8, 7, 6)


def test_depthwise_is_the_functional_call():
    layer, x = made("depthwise, options")
    assert layer.kernel.shape == (3, 2, 1, 6)
    assert with_bias(layer).bias.shape == (6,)
    options = {"stride": (2, 1), "padding": "SAME", "padding_mode": "reflect"}
    expected = F.depthwise_conv(x, layer.kernel[...], layer.bias[...], **options)
    np.testing.assert_array_equal(layer(x), expected)


def test_separable_is_the_functional_call():
    layer, x = made("separable, options")
    assert layer.depthwise_kernel.shape == (3, 1, 6)
    assert layer.pointwise_kernel.shape == (1, 6, 4)
    assert with_bias(layer).bias.shape == (4,)
    kernels = layer.depthwise_kernel[...], layer.pointwise_kernel[...]
    expected = F.separable_conv(x, *kernels, layer.bias[...], padding=1, input_dilation=2)
    np.testing.assert_array_equal(layer(x), expected)


def test_local_is_the_functional_call():
    layer, x = made("local, options")
    assert layer.kernel.shape == (4, 7, 3, 2, 2, 6)
    assert with_bias(layer).bias.shape == (4, 7, 6)
    options = {"stride": (2, 1), "padding": "SAME", "dilation": 2, "groups": 2}
    expected = F.conv_local(x, layer.kernel[...], layer.bias[...], **options)
    np.testing.assert_array_equal(layer(x), expected)


@pytest.mark.parametrize("modulated", [False, True])
def test_deformable_is_the_functional_call(modulated):
    layer = nn.DeformConv(
        4, 6, (2, 3), modulated=modulated, padding="SAME", offset_groups=2, rngs=nnx.Rngs(0)
    )
    moves = 2 * 6 * (3 if modulated else 2)
    assert layer.kernel.shape == (2, 3, 4, 6)
    assert with_bias(layer).bias.shape == (6,)
    assert layer.moves.kernel.shape == (2, 3, 4, moves)
    layer.moves.kernel[...] = jnp.asarray(0.1 * numbers(2, 3, 4, moves))
    x = numbers(3, 5, 4, 4)
    y = F.conv(x, layer.moves.kernel[...], padding="SAME")
    offsets = y[..., :24].reshape(3, 5, 4, 2, 6, 2)
    mask = jax.nn.sigmoid(y[..., 24:].reshape(3, 5, 4, 2, 6)) if modulated else None
    expected = F.deform_conv(
        x, layer.kernel[...], offsets, mask, layer.bias[...], padding="SAME", offset_groups=2
    )
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6, atol=1e-6)
    assert jnp.abs(expected - F.conv(x, layer.kernel[...], padding="SAME")).max() > 1e-2


@pytest.mark.parametrize(("modulated", "share"), [(False, 1.0), (True, 0.5)])
def test_deformable_starts_as_a_convolution(modulated, share):
    layer = nn.DeformConv(4, 6, (3, 3), modulated=modulated, stride=2, rngs=nnx.Rngs(0))
    x = numbers(2, 7, 7, 4)
    expected = share * F.conv(x, layer.kernel[...], stride=2)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)


def test_standardized_kernels_have_mean_0_and_variance_1():
    layer, x = made("standardized")
    kernel = layer.kernel[...]
    mean, variance = np.mean(kernel, (0, 1, 2)), np.var(kernel, (0, 1, 2))
    standardized = (kernel - mean[None, None, None]) / np.sqrt(variance + 1e-5)[None, None, None]
    np.testing.assert_allclose(layer(x), F.conv(x, standardized), rtol=1e-5, atol=1e-5)
    layer.kernel[...] = 3 * kernel + 1  # shift and scale do not matter
    np.testing.assert_allclose(layer(x), F.conv(x, standardized), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", LAYERS)
def test_without_bias(name):
    layer, x = made(name, use_bias=False)
    assert layer.bias is None
    assert not layer(np.zeros_like(x)).any()


@pytest.mark.parametrize("name", LAYERS)
def test_computes_in_a_given_dtype(name):
    layer, x = made(name, dtype=jnp.bfloat16)
    assert layer(x).dtype == jnp.bfloat16
    assert layer(jnp.asarray(x).astype(jnp.bfloat16)).dtype == jnp.bfloat16
    assert {p.dtype for p in jax.tree.leaves(nnx.state(layer))} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", LAYERS)
def test_can_be_split_jitted_and_trained(name):
    layer, x = made(name)
    graph, state = nnx.split(layer)

    @jax.jit
    def gradient(state):
        return jax.grad(lambda s: jnp.sum(nnx.merge(graph, s)(x) ** 2))(state)

    hash(graph)
    np.testing.assert_allclose(nnx.merge(graph, state)(x), layer(x))
    leaves = jax.tree.leaves(gradient(state))
    assert len(leaves) == len(jax.tree.leaves(state)) > 1
    assert all(jnp.isfinite(leaf).all() and leaf.any() for leaf in leaves)


@pytest.mark.parametrize(
    ("layer", "name", "variance"),
    [
        (lambda **o: nn.ConvTranspose(100, 200, (3, 3), **o), "kernel", 2 / 900),
        (lambda **o: nn.ConvTranspose(200, 100, (3, 3), groups=2, **o), "kernel", 2 / 900),
        (lambda **o: nn.DepthwiseConv(5000, (3, 3), multiplier=4, **o), "kernel", 2 / 9),
        (lambda **o: nn.SeparableConv(500, 400, (5, 5), **o), "depthwise_kernel", 2 / 25),
        (lambda **o: nn.SeparableConv(500, 400, (5, 5), **o), "pointwise_kernel", 1 / 500),
        (lambda **o: nn.ConvLocal(30, 40, (3, 3), input_size=8, **o), "kernel", 2 / 270),
        (lambda **o: nn.ConvLocal(30, 40, (3, 3), input_size=8, groups=2, **o), "kernel", 2 / 135),
        (lambda **o: nn.DeformConv(100, 200, (3, 3), **o), "kernel", 2 / 900),
    ],
)
def test_initialization_keeps_the_variance(layer, name, variance):
    kernel = getattr(layer(rngs=nnx.Rngs(0)), name)[...]
    assert float(kernel.var()) == pytest.approx(variance, rel=0.05)
    assert abs(float(kernel.mean())) < 0.05 * variance**0.5
