"""`nn.Conv`: its parameters, and that calling it is calling `F.conv` with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import nn
from tests.cases import CONVS


def layer(*args, **options):
    return nn.Conv(*args, **options, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("case", CONVS[:24], ids=str)
def test_it_is_the_functional_call(case):
    if 0 in case.x or 0 in case.kernel:
        return
    *size, per_group, out_channels = case.kernel
    conv = layer(per_group * case.groups, out_channels, tuple(size), **case.options)
    assert conv.kernel.shape == case.kernel
    conv.bias[...] = jnp.arange(float(out_channels))
    x = np.random.default_rng(0).standard_normal(case.x).astype(np.float32)
    y = F.conv(x, conv.kernel[...], conv.bias[...], **case.options)
    np.testing.assert_array_equal(conv(x), y)


def test_without_bias():
    conv = layer(2, 3, (3,), use_bias=False)
    assert conv.bias is None
    assert len(jax.tree.leaves(nnx.state(conv))) == 1
    assert not conv(jnp.zeros((5, 2))).any()


def test_computes_in_a_given_dtype():
    conv = layer(2, 3, (3,), dtype=jnp.bfloat16)
    y = conv(jnp.ones((5, 2)))
    assert (conv.kernel[...].dtype, y.dtype) == (jnp.float32, jnp.bfloat16)


@pytest.mark.parametrize(
    ("activation", "variance"),
    [("relu", 2 / 900), ("sigmoid", 2 / (900 + 1800)), ("tanh", 2 / (900 + 1800))],
)
def test_initialization_keeps_the_variance(activation, variance):
    kernel = layer(100, 200, (3, 3), kernel_init=nn.for_activation(activation)).kernel[...]
    assert float(kernel.var()) == pytest.approx(variance, rel=0.02)


def test_options_written_as_lists_can_be_traced():
    conv = layer(2, 3, [3, 3], stride=[1, 2], padding=[[1, 0], [0, 1]])
    graph, state = nnx.split(conv)
    y = jax.jit(lambda graph, state, x: nnx.merge(graph, state)(x), static_argnums=0)(
        graph, state, jnp.ones((6, 6, 2))
    )
    assert y.shape == (5, 3, 3)


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (
            lambda: layer(3, 6, 3),
            TypeError,
            "`kernel_size` must be a tuple with one int per spatial axis, such as (3, 3) for "
            "images; got 3. For images write (3, 3).",
        ),
        (lambda: layer(3, 6, (3, 0)), ValueError, "`kernel_size` must be at least 1 on every axis"),
        (lambda: layer(3, 6, (3, "3")), TypeError, "`kernel_size` must be an int or 2 ints"),
        (lambda: layer(0, 6, (3,)), ValueError, "`in_channels` must be a positive int; got 0."),
        (lambda: layer(3, 6.0, (3,)), TypeError, "`out_channels` must be a positive int; got 6.0."),
        (
            lambda: layer(3, 6, (3,), groups=2),
            ValueError,
            "`groups` must divide `in_channels` and `out_channels`; got 2 for 3 and 6.",
        ),
        (
            lambda: layer(3, 6, (3, 3), stride=(1, 2, 3)),
            ValueError,
            "`stride` must be an int or 2 ints, one per spatial axis of `kernel_size` (3, 3); got",
        ),
        (
            lambda: layer(3, 6, (3, 3))(jnp.ones((8, 8, 4))),
            ValueError,
            "`x` must be (*batch, *spatial, channels) with the layer's 2 spatial axes and 3 "
            "channels; got shape (8, 8, 4).",
        ),
        (
            lambda: layer(3, 6, (3, 3))(jnp.ones((2, 3, 32, 32))),
            ValueError,
            "got shape (2, 3, 32, 32). Channels come last here: jnp.moveaxis(x, -3, -1).",
        ),
        (
            lambda: nn.Conv(3, 6, (3,), rngs=0),
            TypeError,
            "`rngs` must be a flax.nnx.Rngs, such as nnx.Rngs(0); got 0.",
        ),
        (lambda: nn.for_activation("gelu"), ValueError, "`activation` must be one of 'relu'"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, kind, text):
    with pytest.raises(kind) as raised:
        make()
    assert text in str(raised.value)
