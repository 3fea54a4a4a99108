"""Multiply-adds, counted by hand: one for each tap of each element, group by group."""

import itertools

import jax
import jax.numpy as jnp
import pytest

from cnn_jax import functional as F
from cnn_jax.analysis import summarize


def abstract(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


# Shape of the input, its groups, outputs per group, stride.
TRANSPOSED = {
    "plain": ((2, 5, 6, 4), 1, 6, 2),
    "two groups": ((2, 5, 6, 4), 2, 3, 2),
    "depthwise": ((1, 4, 3, 6), 6, 1, 3),
    "depthwise, each twice": ((1, 4, 3, 5), 5, 2, 2),
    "uneven stride": ((1, 4, 5, 6), 3, 4, (1, 2)),
}


@pytest.mark.parametrize(
    ("shape", "groups", "outputs", "stride"), TRANSPOSED.values(), ids=TRANSPOSED
)
def test_transposed_convolutions_multiply_each_element_by_each_tap(shape, groups, outputs, stride):
    def f(kernel, x):
        return F.conv_transpose(x, kernel, stride=stride, groups=groups)

    summary = summarize(f, shape, params=abstract(3, 2, outputs, shape[-1]))
    counted = 0
    for _image, _row, _column, channel in itertools.product(*map(range, shape)):
        group = channel // (shape[-1] // groups)
        counted += 3 * 2 * len(range(group * outputs, (group + 1) * outputs))
    assert summary.macs == counted


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolutions_multiply_each_output_by_its_window(groups):
    def f(kernel, x):
        return F.conv(x, kernel, stride=2, padding=1, groups=groups)

    summary = summarize(f, (2, 7, 6, 4), params=abstract(3, 3, 4 // groups, 8))
    inside = sum(
        0 <= 2 * u + t - 1 < 7 and 0 <= 2 * v + s - 1 < 6
        for u, v, t, s in itertools.product(range(4), range(3), range(3), range(3))
    )
    assert summary.macs == 2 * 4 * 3 * 8 * 9 * (4 // groups)
    assert summary.macs_inside == 2 * inside * 8 * (4 // groups)
