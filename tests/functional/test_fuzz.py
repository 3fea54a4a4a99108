"""Random arguments, right or wrong: the oracle's answer, or an error that explains itself.

2,000 calls. Programs are compiled without optimization: what is at stake is what is computed,
and each call is a program of its own.
"""

import math

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnn_jax import functional as F
from tests import oracle
from tests.compilation import jit

RANKS = st.integers(0, 3)
LENGTHS = st.sampled_from([1, 2, 3, 4, 5, 7])
CHANNELS = st.sampled_from([1, 2, 3, 4])
WRONG = st.sampled_from([None, "2", 1.5, True, -1, (), (1,), [1, 2, 3, 4], {"h": 1}, 0, "", object])


def sometimes_wrong(strategy):
    """Nine times what fits the rule, once anything."""
    return st.integers(0, 29).flatmap(lambda n: strategy if n else WRONG)


def steps(rank, most=3):
    """A stride or dilation: an int, or one for each axis."""
    one = st.sampled_from([1, 1, 2, most])
    return sometimes_wrong(st.one_of(one, st.tuples(*[one] * rank)))


def paddings(rank):
    entry = st.sampled_from([0, 0, 1, 1, 2, -1, 3])
    pair = st.tuples(entry, entry)
    names = st.sampled_from(["VALID", "same", "SAME_LOWER", "Full", "CAUSAL", "reflect"])
    return sometimes_wrong(
        st.one_of(names, entry, st.tuples(*[entry] * rank), st.tuples(*[pair] * rank))
    )


def shapes(draw, rank, channels=None):
    batch = draw(st.sampled_from([(), (2,), (2, 1), (0,)]))
    spatial = draw(st.tuples(*[LENGTHS] * rank))
    return (*batch, *spatial, draw(CHANNELS) if channels is None else channels)


def numbers(shape, seed=0):
    return np.random.default_rng(seed).integers(-8, 8, shape, endpoint=True).astype(np.float32)


@st.composite
def convolutions(draw):
    """(function, arrays, arguments, options) of `conv` and its relatives."""
    rank = draw(RANKS)
    name = draw(st.sampled_from(["conv", "conv", "conv_transpose", "depthwise_conv", "conv_local"]))
    window = draw(st.tuples(*[st.sampled_from([1, 2, 3])] * rank))
    groups = draw(st.sampled_from([1, 1, 2, 3, 0]))
    per_group, filters = draw(CHANNELS), draw(CHANNELS)
    channels = per_group * groups if draw(st.integers(0, 19)) else draw(CHANNELS)
    x = shapes(draw, rank, channels)
    options = {"stride": draw(steps(rank)), "padding": draw(paddings(rank))}
    if draw(st.booleans()):
        options["dilation"] = draw(steps(rank))
    if name != "depthwise_conv" and (groups != 1 or draw(st.booleans())):
        options["groups"] = groups
    kernel = (*window, per_group, filters * max(groups, 1))
    if name == "conv_transpose":
        x = (*x[:-1], kernel[-1])
        if draw(st.booleans()):
            options["output_padding"] = draw(steps(rank))
    elif name == "depthwise_conv":
        kernel = (*window, 1, x[-1] * draw(st.sampled_from([1, 2])))
    elif name == "conv_local":
        try:
            sizes = {k: v for k, v in options.items() if k != "groups"}
            positions = F.conv(np.zeros(x[:-1] + (1,)), np.zeros((*window, 1, 1)), **sizes).shape
            kernel = (*positions[len(x) - rank - 1 : -1], *kernel)
        except (TypeError, ValueError):
            kernel = (*window, *kernel)
    elif draw(st.booleans()):
        options["padding_mode"] = draw(
            st.sampled_from(["zeros", "reflect", "REPLICATE", "circular", "mirror"])
        )
    return name, [numbers(x), numbers(kernel, 1)], (), options


@st.composite
def pools(draw):
    """The same of pools, unfolding, and what shares their windows."""
    rank = draw(RANKS)
    names = ["max_pool", "min_pool", "sum_pool", "avg_pool", "lp_pool", "max_pool_with_indices"]
    name = draw(st.sampled_from([*names, "unfold", "stochastic_pool"]))
    window = draw(sometimes_wrong(st.tuples(*[st.sampled_from([1, 2, 3])] * rank)))
    options = {"padding": draw(paddings(rank))}
    if draw(st.booleans()):
        options["stride"] = draw(steps(rank))
    if draw(st.booleans()):
        options["dilation"] = draw(steps(rank))
    if name != "unfold" and draw(st.booleans()):
        options["ceil_mode"] = draw(st.sampled_from([True, False, True, False, 1, "up"]))
    if name == "avg_pool" and draw(st.booleans()):
        options["count_include_pad"] = draw(st.sampled_from([True, False, False, 0]))
    if name == "lp_pool":
        options["p"] = draw(st.sampled_from([1, 2, 2.0, 3, math.inf, 0.5, "2", math.nan]))
    return name, [numbers(shapes(draw, rank))], (window,), options


@st.composite
def rearrangements(draw):
    """The same of what moves elements, or samples between them."""
    rank = draw(RANKS)
    x = shapes(draw, rank)
    name = draw(
        st.sampled_from(
            ["space_to_depth", "depth_to_space", "pad", "upsample", "adaptive_avg_pool",
             "adaptive_max_pool", "blur_pool", "polyphase_pool", "max_unpool", "fold"]
        )
    )  # fmt: skip
    blocks = sometimes_wrong(st.tuples(*[st.sampled_from([1, 2, 3])] * rank))
    arrays, options, argument = [numbers(x)], {}, draw(blocks)
    if name in ("space_to_depth", "depth_to_space"):
        options["order"] = draw(st.sampled_from(["DCR", "CRD", "NCHW"]))
        if draw(st.integers(0, 3)) and isinstance(argument, tuple):  # sizes that fit
            block = [b if isinstance(b, int) and b > 0 else 1 for b in argument]
            arrays = [numbers((2, *(2 * b for b in block), 2 * math.prod(block)))]
    elif name == "pad":
        entry = st.sampled_from([0, 1, 2, -1, 6])
        argument = draw(
            sometimes_wrong(st.tuples(*[st.one_of(entry, st.tuples(entry, entry))] * rank))
        )
        modes = ["zeros", "reflect", "replicate", "circular", "same"]
        options["padding_mode"] = draw(st.sampled_from(modes))
    elif name == "upsample":
        factor = st.sampled_from([1, 2, 3, 0.5, 1.5, 0.2, 0, -1])
        argument = draw(sometimes_wrong(st.tuples(*[factor] * rank)))
        options["method"] = draw(st.sampled_from(["nearest", "linear", "cubic", "bilinear"]))
        options["align_corners"] = draw(st.sampled_from([False, True]))
    elif name == "blur_pool":
        argument = draw(sometimes_wrong(st.tuples(*[st.sampled_from([1, 2, 3, 5, 7, 8])] * rank)))
        options["stride"] = draw(steps(rank))
        options["padding_mode"] = draw(st.sampled_from(["reflect", "zeros", "circular", "edge"]))
    elif name == "max_unpool":
        arrays.append(np.arange(arrays[0].size).reshape(x) % 7)
    elif name == "fold":
        options = {"stride": draw(steps(rank)), "padding": draw(paddings(rank))}
        spatial = draw(st.tuples(*[LENGTHS] * rank))
        try:
            taps = F.unfold(np.zeros((*spatial, 2), np.float32), argument, **options).shape
        except (TypeError, ValueError):
            taps = (*spatial, 2, 2)
        return name, [numbers(taps)], (spatial, argument), options
    return name, arrays, (argument,), options


def check_explains(error):
    """An error of ours, that names an argument; JAX's own say less."""
    assert type(error) in (TypeError, ValueError)
    assert "`" in str(error)
    assert str(error).endswith((".", "?"))


def check(call, algorithm):
    """The oracle's answer or an error; True where there was an answer."""
    name, arrays, args, options = call
    before = (None,) if name == "stochastic_pool" else ()
    named = {} if name in PLAIN else {"algorithm": algorithm}

    def computed(*arrays):
        return getattr(F, name)(*before, *arrays, *args, **options, **named)

    try:
        jax.eval_shape(computed, *arrays)
    except (TypeError, ValueError) as error:
        check_explains(error)
        return False
    exact = getattr(oracle, name)(*before, *arrays, *args, **options)
    result = jit(computed)(*arrays)
    for y, truth in zip(jax.tree.leaves(result), jax.tree.leaves(exact), strict=True):
        assert y.shape == truth.shape
        np.testing.assert_allclose(np.asarray(y), truth, rtol=1e-5, atol=1e-4)
    return True


PLAIN = {"stochastic_pool", "space_to_depth", "depth_to_space", "pad", "upsample", "polyphase_pool",
         "max_unpool"}  # fmt: skip
KINDS = {"convolutions": (convolutions, 800), "pools": (pools, 600), "rest": (rearrangements, 600)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracle_or_an_error(kind):
    strategy, count = KINDS[kind]
    answered = []

    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy(), st.sampled_from(["xla", "vmap"]))
    def run(call, algorithm):
        answered.append(check(call, algorithm))

    run()
    assert len(answered) >= count
    assert 0.3 < sum(answered) / len(answered) < 0.95
