"""`F.conv_general_dilated` and `F.reduce_window` in the place of lax's own, from which they differ
only where lax is wrong or has no derivative."""

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from cnn_jax import functional as F
from tests import oracle
from tests.cases import ALGORITHMS
from tests.derivatives import assert_every_mode, double_precision

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def integers(*shape, least=-8):
    return np.random.default_rng(0).integers(least, 8, shape, endpoint=True).astype(np.float32)


LAYOUTS = [
    (None, (4, 2, 7, 8), (6, 2, 3, 2)),
    (("NHWC", "HWIO", "NHWC"), (4, 7, 8, 2), (3, 2, 2, 6)),
    (("HWNC", "OHWI", "CNHW"), (7, 8, 4, 2), (6, 3, 2, 2)),
    (("NCW", "WIO", "WNC"), (4, 2, 9), (3, 2, 6)),
    (("NC", "OI", "CN"), (4, 2), (6, 2)),
    (("NDHWC", "DHWIO", "NCDHW"), (2, 4, 3, 4, 2), (2, 1, 3, 2, 4)),
]


@each_algorithm
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout[0]))
@pytest.mark.parametrize("options", [{}, {"batch_group_count": 2}, {"lhs_dilation": 2}], ids=str)
def test_every_layout_equals_lax(layout, options, algorithm):
    dimension_numbers, lhs, rhs = layout
    rank = len(lhs) - 2
    options = {k: (v,) * rank if k == "lhs_dilation" else v for k, v in options.items()}
    x, kernel = integers(*lhs), integers(*rhs)
    options["dimension_numbers"] = dimension_numbers
    for padding in ("SAME", "VALID", ((1, 2),) * rank):
        if isinstance(padding, str) and "lhs_dilation" in options:
            continue  # lax refuses these
        arguments = (x, kernel, (2,) * rank, padding)
        expected = lax.conv_general_dilated(*arguments, **options)
        result = F.conv_general_dilated(*arguments, **options, algorithm=algorithm)
        assert result.shape == expected.shape
        if rank or "0.7." not in jax.__version__:  # jaxlib 0.7.2 mixes up groups at rank 0
            np.testing.assert_array_equal(result, expected)


@each_algorithm
def test_narrow_integers_and_wide_results_as_lax_has_them(algorithm):
    x, kernel = (integers(1, 3, 9) * 9).astype(np.int8), (integers(2, 3, 4) * 9).astype(np.int8)
    for preferred in (None, jnp.int32):
        options = {"preferred_element_type": preferred}
        expected = lax.conv_general_dilated(x, kernel, (1,), "VALID", **options)
        y = F.conv_general_dilated(x, kernel, (1,), "VALID", **options, algorithm=algorithm)
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y, expected)
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    for preferred, dtype in ((None, jnp.bfloat16), (jnp.float32, jnp.float32)):
        y = F.conv_general_dilated(x, kernel, (1,), "VALID", preferred_element_type=preferred)
        assert y.dtype == dtype


def test_a_window_that_does_not_fit_gives_an_empty_result():
    x, kernel = integers(2, 1, 3), integers(4, 1, 5)
    shape = lax.conv_general_dilated(x, kernel, (1,), "VALID").shape
    assert F.conv_general_dilated(x, kernel, (1,), "VALID").shape == shape == (2, 4, 0)
    shape = lax.reduce_window(x, 0.0, lax.add, (1, 1, 5)).shape
    assert F.reduce_window(x, 0.0, lax.add, (1, 1, 5)).shape == shape == (2, 1, 0)


@pytest.mark.parametrize("padding", ["SAME", "VALID", "CIRCULAR", "REFLECT", ((2, 1), (0, 1))])
def test_flax_layers_run_unchanged(padding):
    x = integers(2, 8, 7, 4)
    options = {"strides": (2, 1), "padding": padding, "feature_group_count": 2}
    ours, theirs = (
        nnx.Conv(4, 6, (3, 2), **options, rngs=nnx.Rngs(0), **injected)
        for injected in ({"conv_general_dilated": F.conv_general_dilated}, {})
    )
    with F.using(algorithm="vmap"):
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-4)
    ours, theirs = (
        flax.linen.Conv(6, (3, 2), **options, **injected)
        for injected in ({"conv_general_dilated": F.conv_general_dilated}, {})
    )
    parameters = theirs.init(jax.random.key(0), x)
    np.testing.assert_allclose(
        ours.apply(parameters, x), theirs.apply(parameters, x), rtol=1e-5, atol=1e-4
    )


REDUCERS = {
    "max": (lax.max, np.maximum, -np.inf),
    "min": (lax.min, np.minimum, np.inf),
    "add": (lax.add, np.add, 0.0),
    "mul": (lax.mul, np.multiply, 1.0),
    "max from 3": (jnp.maximum, np.maximum, 3.0),
    "add from 2": (jnp.add, np.add, 2.0),
    "mul from 2": (lambda a, b: a * b, np.multiply, 2.0),
}
WINDOWS = {
    "images": ((1, 3, 2, 1), (1, 2, 3, 1), "SAME", None, None),
    "dilated": ((1, 2, 3, 1), (1, 1, 2, 1), "VALID", None, (1, 3, 2, 1)),
    "spread": ((1, 3, 2, 1), (1, 2, 1, 1), ((0, 0), (1, 2), (0, 3), (0, 0)), (1, 2, 3, 1), None),
    "all axes": ((2, 2, 3, 2), (1, 2, 1, 1), ((1, 0), (0, 1), (-1, 2), (0, 1)), None, None),
    "the last axis": ((1, 1, 1, 2), (1, 1, 1, 1), "SAME_LOWER", None, None),
}


@each_algorithm
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_every_reducer_equals_the_oracle(reducer, window, algorithm):
    computation, plain, start = REDUCERS[reducer]
    x = integers(2, 6, 7, 3, least=1 if reducer.startswith("mul") else -8)
    x = np.minimum(x, 2) if reducer.startswith("mul") else x
    expected = oracle.reduce_window(x, start, plain, *WINDOWS[window])
    y = jax.jit(
        lambda x: F.reduce_window(x, start, computation, *WINDOWS[window], algorithm=algorithm)
    )(x)
    np.testing.assert_array_equal(y, expected.astype(np.float32))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("reducer", ["max", "add", "mul"])
def test_every_reducer_has_every_derivative(reducer, window):
    computation, _, start = REDUCERS[reducer]

    def energy(x):
        y = F.reduce_window(x, start, computation, *WINDOWS[window])
        return jnp.sum(jnp.where(jnp.isfinite(y), y, 0) ** 2) / 10

    with double_precision():
        x = np.random.default_rng(0).uniform(0.5, 1.5, (2, 6, 7, 3))
        assert_every_mode(energy, x)


def test_trees_are_reduced_together():
    """The place of the largest element, as lax would find it, from right to left."""
    x = integers(3, 11)
    places = np.broadcast_to(np.arange(11, dtype=np.int32), x.shape)

    def later(a, b):
        (x, i), (y, j) = a, b
        second = (y > x) | ((y == x) & (j > i))
        return lax.select(second, y, x), lax.select(second, j, i)

    arguments = ((x, places), (-np.inf, -1), later, (1, 3), (1, 2), ((0, 0), (1, 1)))
    start = (np.float32(-np.inf), np.int32(-1))
    ours = F.reduce_window(*arguments)
    theirs = lax.reduce_window((x, places), start, *arguments[2:])
    for a, b in zip(ours, theirs):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_start_may_be_traced():
    x = integers(2, 6)
    y = jax.jit(lambda start: F.reduce_window(x, start, lax.add, (1, 2)))(2.0)
    np.testing.assert_array_equal(y, x[:, :-1] + x[:, 1:] + 2)


def test_sums_of_halves_run_in_float32():
    ones = jnp.ones((64, 64), jnp.bfloat16)
    assert F.reduce_window(ones, 0.0, lax.add, (64, 64)).item() == 4096
