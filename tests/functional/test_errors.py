"""Wrong calls, and what they are told: the argument, the rule, the value, the shapes."""

import jax
import numpy as np
import pytest

from cnn_jax import functional as F

from . import wrong_convolutions, wrong_pools, wrong_rearrangements, wrong_samplings
from .wrong_convolutions import KERNEL, X

WRONG = [
    *wrong_convolutions.WRONG,
    *wrong_samplings.WRONG,
    *wrong_pools.WRONG,
    *wrong_rearrangements.WRONG,
]


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("index", range(len(WRONG)))
def test_a_wrong_call_is_told_what_is_wrong(index, jit):
    call, kind, text = WRONG[index]
    with pytest.raises(kind) as raised:
        (jax.jit(call) if jit else call)()
    assert text in str(raised.value)
    assert type(raised.value) in (TypeError, ValueError)


def test_options_cannot_be_traced():
    with pytest.raises(TypeError, match=r"`stride` must be .* Make it static: `jax.jit"):
        jax.jit(lambda s: F.conv(X, KERNEL, stride=s))(2)
    with pytest.raises(TypeError, match=r"`stride` must be .* Make it static: `jax.jit"):
        jax.jit(lambda s: F.conv(X, KERNEL, stride=(s, 1)))(2)


def test_options_may_be_numpy_integers():
    y = F.conv(X, KERNEL, stride=np.int64(2), padding=(np.int32(1), np.array(0)))
    assert y.shape == (2, 4, 3, 6)


def test_how_many_wrong_calls_there_are():
    assert len({(kind, text) for _, kind, text in WRONG}) >= 150
