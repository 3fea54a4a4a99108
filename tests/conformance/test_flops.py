"""Multiply-adds of `summarize` against the operations that PyTorch counts, two for each."""

import jax
import jax.numpy as jnp
import pytest

from cnn_jax import functional as F
from cnn_jax.analysis import summarize

torch = pytest.importorskip("torch", exc_type=ImportError)
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

# Whether transposed, stride, padding, dilation, groups.
LAYERS = {
    "plain": (False, 1, 0, 1, 1),
    "strided": (False, 2, 1, 1, 1),
    "dilated": (False, 1, 2, 2, 1),
    "grouped": (False, 2, 1, 1, 3),
    "depthwise": (False, 1, 1, 1, 6),
    "transposed": (True, 2, 0, 1, 1),
    "transposed, padded": (True, 3, 1, 1, 1),
    "transposed, grouped": (True, 2, 0, 1, 2),
    "transposed, depthwise": (True, 2, 1, 1, 6),
}


@pytest.mark.parametrize(
    ("transposed", "stride", "padding", "dilation", "groups"), LAYERS.values(), ids=LAYERS
)
def test_convolutions(transposed, stride, padding, dilation, groups):
    channels, outputs = 6, 12
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    kind = torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d
    with FlopCounterMode(display=False) as counter:
        kind(channels, outputs, (3, 2), bias=False, **options)(torch.ones(2, channels, 9, 8))

    def f(kernel, x):
        return (F.conv_transpose if transposed else F.conv)(x, kernel, **options)

    ends = (outputs // groups, channels) if transposed else (channels // groups, outputs)
    kernel = jax.ShapeDtypeStruct((3, 2, *ends), jnp.float32)
    assert 2 * summarize(f, (2, 9, 8, channels), params=kernel).macs == counter.get_total_flops()


def test_dense():
    with FlopCounterMode(display=False) as counter:
        torch.nn.Linear(5, 7)(torch.ones(3, 4, 5))
    kernel = jax.ShapeDtypeStruct((5, 7), jnp.float32)
    summary = summarize(lambda k, x: x @ k, (3, 4, 5), params=kernel)
    assert 2 * summary.macs == counter.get_total_flops()
