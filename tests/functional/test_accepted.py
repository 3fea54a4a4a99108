"""Calls that fit the rules are accepted, in every combination, with the shape of the formula.

What is allowed is said here a second time, by the formulas of arithmetic alone. The fuzz holds
answers to the oracle, but counts every well-explained error as right: refusing too much shows here.
"""

import math

import jax
import jax.numpy as jnp
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cnn_jax import functional as F

many = settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
ONES = st.just(1)
STEPS = st.sampled_from([1, 1, 2, 3])
NAMES = ("VALID", "SAME", "same_lower", "Full", "CAUSAL")


def padded(n, k, s, padding):
    """The length of an axis with the padding of this name."""
    match padding.upper():
        case "SAME" | "SAME_LOWER":
            return n + max((math.ceil(n / s) - 1) * s + k - n, 0)
        case "FULL":
            return n + 2 * (k - 1)
        case "CAUSAL":
            return n + k - 1
    return n


@st.composite
def slidings(draw, base_dilations=ONES, least=-2):
    """Spatial lengths, options of a window that fits, and the number of positions on each axis."""
    rank = draw(st.integers(0, 3))
    each = lambda one: draw(st.tuples(*[one] * rank))  # noqa: E731
    spatial, window = each(st.integers(1, 7)), each(st.integers(1, 3))
    stride, dilation, base = each(STEPS), each(STEPS), each(base_dilations)
    inputs = [(n - 1) * b + 1 for n, b in zip(spatial, base)]
    extents = [(k - 1) * d + 1 for k, d in zip(window, dilation)]
    if draw(st.booleans()):
        padding = draw(st.sampled_from(NAMES))
        lengths = [padded(*sizes, padding) for sizes in zip(inputs, extents, stride)]
    else:
        padding = each(st.tuples(st.integers(least, 3), st.integers(least, 3)))
        lengths = [n + sum(pair) for n, pair in zip(inputs, padding)]
    assume(all(n >= k for n, k in zip(lengths, extents)))
    positions = tuple((n - k) // s + 1 for n, k, s in zip(lengths, extents, stride))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return spatial, window, base, options, positions


def shape_of(function, *shapes):
    """The shape of the result for float32 arrays of these shapes; nothing is computed."""
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jax.tree.leaves(jax.eval_shape(function, *arrays))[0].shape


BATCHES = st.sampled_from([(), (2,), (0,), (2, 1)])


@many
@given(
    slidings(base_dilations=st.sampled_from([1, 1, 2])),
    BATCHES,
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 2),
)
def test_convolutions(sliding, batch, groups, per_group, filters):
    spatial, window, base, options, positions = sliding
    channels, kernel = per_group * groups, (*window, per_group, filters * groups)

    def conv(x, kernel):
        return F.conv(x, kernel, input_dilation=base, groups=groups, **options)

    y = shape_of(conv, (*batch, *spatial, channels), kernel)
    assert y == (*batch, *positions, filters * groups)
    if max(base, default=1) == 1:  # backwards, to the size it came from

        def back(y, kernel):
            return F.conv_transpose(y, kernel, groups=groups, output_shape=spatial, **options)

        assert shape_of(back, y, kernel) == (*batch, *spatial, channels)


@many
@given(slidings(least=0), st.sampled_from(["reflect", "replicate", "circular"]))
def test_padding_modes(sliding, mode):
    spatial, window, _, options, positions = sliding
    if mode == "reflect" and spatial:
        assume(min(spatial) >= 2)  # one element has none beside it to show
    conv = lambda x, kernel: F.conv(x, kernel, padding_mode=mode, **options)  # noqa: E731
    assert shape_of(conv, (*spatial, 2), (*window, 2, 3)) == (*positions, 3)


POOLS = ("max_pool", "min_pool", "sum_pool", "avg_pool", "lp_pool", "max_pool_with_indices")


@pytest.mark.parametrize("name", [*POOLS, "unfold"])
def test_pools(name):
    @settings(many, max_examples=80)
    @given(slidings(), BATCHES)
    def run(sliding, batch):
        spatial, window, _, options, positions = sliding
        pool = lambda x: getattr(F, name)(x, window, **options)  # noqa: E731
        result = (math.prod(window), 3) if name == "unfold" else (3,)
        assert shape_of(pool, (*batch, *spatial, 3)) == (*batch, *positions, *result)

    run()
