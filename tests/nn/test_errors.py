"""Wrong calls of the layers, and what they are told; those of `nn.Conv` are with its tests."""

import jax.numpy as jnp
import pytest
from flax import nnx

from cnn_jax import nn


def layer(kind, *args, **options):
    return lambda: getattr(nn, kind)(*args, **options, rngs=nnx.Rngs(0))


def called(kind, *args, x, **options):
    return lambda: layer(kind, *args, **options)()(jnp.ones(x))


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (layer("ConvTranspose", 3, 6, 3), TypeError, "`kernel_size` must be a tuple with one int"),
        (
            layer("ConvTranspose", 3, 6, (3,), groups=2),
            ValueError,
            "`groups` must divide `in_channels` and `out_channels`; got 2 for 3 and 6.",
        ),
        (
            layer("ConvTranspose", 3, 6, (3,), output_padding=(1, 1)),
            ValueError,
            "`output_padding` must be an int or 1 int, one per spatial axis of `kernel_size` (3,)",
        ),
        (
            layer("ConvTranspose", 3, 6, (3,), output_padding=-1),
            ValueError,
            "`output_padding` must be at least 0 on every axis; got -1.",
        ),
        (
            called("ConvTranspose", 3, 6, (3,), x=(8, 4)),
            ValueError,
            "with the layer's 1 spatial axis and 3 channels; got shape (8, 4).",
        ),
        (layer("DepthwiseConv", 0, (3,)), ValueError, "`channels` must be a positive int; got 0."),
        (
            layer("DepthwiseConv", 3, (3,), multiplier=1.5),
            TypeError,
            "`multiplier` must be a positive int; got 1.5.",
        ),
        (
            called("DepthwiseConv", 4, (3,), x=(8, 2)),
            ValueError,
            "`x` must be (*batch, *spatial, channels) with the layer's 1 spatial axis and 4 "
            "channels; got shape (8, 2).",
        ),
        (
            layer("SeparableConv", 3, 4, (3,), multiplier=0),
            ValueError,
            "`multiplier` must be a positive int; got 0.",
        ),
        (
            called("SeparableConv", 4, 4, (3,), x=(8, 2)),
            ValueError,
            "with the layer's 1 spatial axis and 4 channels; got shape (8, 2).",
        ),
        (
            layer("SeparableConv", 3, 0, (3,)),
            ValueError,
            "`out_channels` must be a positive int; got 0.",
        ),
        (
            layer("ConvLocal", 3, 4, (3, 3), input_size=(8,)),
            ValueError,
            "`input_size` must be an int or 2 ints, one per spatial axis of `kernel_size` (3, 3); "
            "got (8,).",
        ),
        (
            layer("ConvLocal", 3, 4, (3, 3), input_size=(8, 2)),
            ValueError,
            "The window must fit into the padded input",
        ),
        (
            called("ConvLocal", 3, 4, (3, 3), input_size=8, x=(9, 8, 3)),
            ValueError,
            "`x` must be (*batch, *input_size, in_channels) with the layer's `input_size` (8, 8); "
            "got shape (9, 8, 3).",
        ),
        (
            layer("DeformConv", 3, 4, (3, 3), offset_groups=2),
            ValueError,
            "`offset_groups` must divide `in_channels`; got 2 for 3.",
        ),
        (
            called("DeformConv", 3, 4, (3, 3), x=(8, 8, 4)),
            ValueError,
            "with the layer's 2 spatial axes and 3 channels; got shape (8, 8, 4).",
        ),
        (
            layer("DeformConv", 3, 4, ()),
            ValueError,
            "`kernel_size` must have an axis that the taps",
        ),
        (
            lambda: nn.DeformConv(3, 4, (3, 3), rngs=None),
            TypeError,
            "`rngs` must be a flax.nnx.Rngs, such as nnx.Rngs(0); got None.",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, kind, text):
    with pytest.raises(kind) as raised:
        make()
    assert text in str(raised.value)
