"""The box of a unit against the support of its gradient, and against the recurrences' numbers."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import nn
from cnn_jax.analysis import receptive_field

from ..networks import NETWORKS, hull, kernel, line, residual, support


@pytest.mark.parametrize("name", NETWORKS)
def test_the_box_is_the_support_of_the_gradient(name):
    f, shape = NETWORKS[name]
    x = jax.random.normal(jax.random.key(0), shape)
    out = jax.eval_shape(f, x).shape
    random = np.random.default_rng(1)
    corners = [(0,) * len(out), tuple(n - 1 for n in out)]
    for unit in [*corners, *(tuple(map(int, random.integers(out))) for _ in range(2))]:
        (seen,) = receptive_field(f, shape, unit=unit).inputs
        expected = hull(support(f, x, unit))
        if expected is None:
            assert any(low > high for low, high in seen.box)
            continue
        assert seen.box == expected
        for (low, high), axis in zip(seen.box, seen.axes):
            assert axis.exact
            assert axis.padded[0] <= low
            assert high <= axis.padded[1]


def test_size_stride_and_padding_are_those_of_the_recurrence():
    (seen,) = receptive_field(residual, (1, 64, 64, 1), unit=(16, 16)).inputs
    for axis in seen.axes[1:3]:
        # 3, then two taps at stride 2, then two taps 2 apart at stride 2.
        assert (axis.size, axis.stride, axis.padding) == (3 + 4 + 8, 2, 1 + 2 + 4)
        assert axis.padded == (axis.low, axis.high) == (32 - 7, 32 + 7)
    assert seen.spatial == (1, 2)


def test_the_padding_is_in_one_box_and_not_in_the_other():
    (seen,) = receptive_field(line, (1, 20, 1), unit=(3,)).inputs
    assert seen.box[1] == (0, 3)
    assert seen.padded_box[1] == (-4, 3)


def test_the_middle_unit_is_the_default_and_spatial_indices_suffice():
    shape = (3, 32, 32, 1)
    field = receptive_field(residual, shape)
    assert field.unit == (0, 8, 8, 0)
    assert receptive_field(residual, shape, unit=(8, 8)).inputs == field.inputs
    assert receptive_field(residual, shape, unit=(2, 8, 8, 1)).inputs[0].box[0] == (2, 2)
    assert receptive_field(residual, shape, unit=(-8, 8)).unit == field.unit


def test_groups_see_their_own_channels():
    def f(x):
        return F.conv(x, kernel(3, 2, 4), groups=2)

    boxes = [receptive_field(f, (6, 4), unit=(0, c)).inputs[0].box[1] for c in range(4)]
    assert boxes == [(0, 1), (0, 1), (2, 3), (2, 3)]


def test_a_finer_output_has_a_fractional_stride():
    axis = receptive_field(lambda x: F.upsample(x, (2,)), (8, 1), unit=(5, 0)).inputs[0].axes[0]
    assert axis.stride == Fraction(1, 2)
    assert (axis.low, axis.high) == (2, 2)


def test_several_inputs_are_seen_apart():
    def f(x, y):
        return F.conv(x, kernel(3, 1, 1)) + y[:1]

    x, y = receptive_field(f, (8, 1), (4, 1), unit=(2,)).inputs
    assert (x.box[0], y.box[0]) == ((2, 4), (0, 0))


def test_an_end_point_is_named():
    class Network(nnx.Module):
        def __init__(self, rngs):
            self.conv = nn.Conv(1, 2, (3, 3), padding=1, rngs=rngs)

        def feature_maps(self, x):
            maps = {"conv": self.conv(x)}
            maps["pool"] = F.max_pool(maps["conv"], (2, 2))
            return maps

    model = nnx.eval_shape(lambda: Network(nnx.Rngs(0)))
    sizes = [
        receptive_field(model.feature_maps, (1, 8, 8, 1), output=name).inputs[0].axes[1].size
        for name in ("conv", "pool")
    ]
    assert sizes == [3, 4]


def test_what_sees_all_and_what_sees_nothing():
    (all_of_it,) = receptive_field(lambda x: x.sum(), (3, 4)).inputs
    assert all_of_it.box == ((0, 2), (0, 3))
    (nothing,) = receptive_field(lambda x: jnp.zeros(2), (3, 4)).inputs
    assert nothing.box == ((0, -1), (0, -1))
    (border,) = receptive_field(lambda x: F.pad(x, (1,)), (3, 1), unit=(0, 0)).inputs
    assert border.axes[0].low > border.axes[0].high


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"unit": 3}, TypeError, "`unit` must be a tuple of ints; got 3"),
        ({"unit": (1.0, 2)}, TypeError, "`unit` must be a tuple of ints"),
        ({"unit": (1, 2, 3)}, ValueError, r"4 entries, .* or 2, on its spatial axes \(1, 2\)"),
        (
            {"unit": (0, 8)},
            ValueError,
            r"`unit` must lie in .* axis 2 from 0 to 7; got \(0, 8\)",
        ),
        ({"output": "pool"}, ValueError, "must be left out, as `f` returns a single array; got"),
    ],
)
def test_wrong_calls_say_what_is_wrong(options, error, words):
    with pytest.raises(error, match=words):
        receptive_field(residual, (1, 16, 16, 1), **options)


def test_several_outputs_need_a_choice():
    with pytest.raises(ValueError, match=r"one of \['a', 'b'\]; got several outputs and no choice"):
        receptive_field(lambda x: {"a": x, "b": x}, (2, 2))
