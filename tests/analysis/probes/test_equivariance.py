"""Equivariance and invariance: exact where theory says so, and not where it does not."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import nn
from cnn_jax.analysis import equivariance, invariance

GRID = list(itertools.product(range(-2, 4), range(-1, 3)))


def integers(*shape, seed=0):
    """Of which sums are exact in float32."""
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


def strided(x, padding_mode="circular"):
    y = F.conv(x, integers(3, 3, 2, 3), padding=1, padding_mode=padding_mode)
    return F.max_pool(jnp.maximum(y, jnp.zeros_like(y)), (2, 2))


def test_circular_convolution_is_exactly_equivariant():
    def f(x):
        return F.conv(x, integers(3, 3, 2, 3), padding=1, padding_mode="circular")

    found = equivariance(f, integers(2, 6, 7, 2), GRID, boundary="circular")
    assert found.shifts == found.output_shifts == tuple(GRID)
    assert (found.errors == 0).all()
    assert found.multiple.all()
    assert (found.units == 6 * 7).all()


def test_stride_two_is_equivariant_at_even_shifts_only():
    found = equivariance(strided, integers(1, 8, 8, 2), GRID, boundary="circular")
    even = np.array([a % 2 == 0 and b % 2 == 0 for a, b in GRID])
    assert found.axes == (1, 2)
    assert found.stride == (2, 2)
    np.testing.assert_array_equal(found.multiple, even)
    np.testing.assert_array_equal(found.errors == 0, even)
    assert (found.errors[~even] > 0.05).all()


def test_the_nearest_whole_step_is_taken_away_from_zero():
    found = equivariance(strided, integers(1, 8, 8, 2), range(-3, 4), boundary="circular")
    assert [step for step, _ in found.output_shifts] == [-2, -1, -1, 0, 1, 1, 2]


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate"])
def test_the_interior_is_equivariant_whatever_stands_in_the_padding(mode):
    def f(x):
        return strided(x, mode)

    x = integers(1, 16, 16, 2)
    shifts = [(0, 2), (2, 0), (-2, 4), (4, -2), (1, 2)]
    found = equivariance(f, x, shifts)
    assert (found.errors[:4] == 0).all()
    assert found.errors[4] > 0
    assert (equivariance(f, x, shifts[:4], boundary="circular").errors > 0).all()


def test_interior_units_are_those_that_see_neither_edge_nor_what_came_in():
    def f(x):
        return F.conv(x, integers(3, 1, 1), padding=1)

    # Of 9 units the first and the last see padding; a shift by 2 costs two more, and moves them.
    found = equivariance(f, integers(9, 1), [0, 2, -2, 6])
    assert found.units.tolist() == [7, 5, 5, 1]
    with pytest.raises(
        ValueError, match=r"units see 3 elements, and the axes have 9\. .* axis 0 12"
    ):
        equivariance(f, integers(9, 1), [7])
    assert equivariance(f, integers(12, 1), [7]).errors == [0.0]


def test_a_finer_output_shifts_further():
    def f(x):
        return F.conv(F.upsample(x, (2,)), integers(3, 1, 1), padding=1, padding_mode="circular")

    found = equivariance(f, integers(8, 1), [1, 3], boundary="circular")
    assert found.output_shifts == ((2,), (6,))
    assert (found.errors == 0).all()


def test_a_layer_without_shared_weights_is_not_equivariant():
    layer = nn.ConvLocal(1, 2, (3,), input_size=12, rngs=nnx.Rngs(0))
    shared = nn.Conv(1, 2, (3,), rngs=nnx.Rngs(0))
    x = integers(2, 12, 1)
    assert (equivariance(layer, x, [1, 3], axes=(1,)).errors > 0.1).all()
    assert (equivariance(shared, x, [1, 3]).errors < 1e-6).all()


def test_an_end_point_and_parameters_are_taken():
    def f(params, x):
        y = F.conv(x, params["kernel"])
        return {"conv": y, "pool": F.max_pool(y, (2,))}

    params = {"kernel": jnp.asarray(integers(3, 1, 1))}
    found = equivariance(f, integers(14, 1), [2], output="pool", params=params)
    assert found.stride == (2,)
    assert found.errors == [0.0]


class Classifier(nnx.Module):
    """A convolution with batch norm, a way to shrink, and the mean over the places."""

    def __init__(self, shrink):
        rngs = nnx.Rngs(3)
        self.conv = nn.Conv(2, 6, (3, 3), padding=1, padding_mode="circular", rngs=rngs)
        self.norm = nnx.BatchNorm(6, rngs=rngs)
        self.dense = nnx.Linear(6, 5, rngs=rngs)
        self.kernel = nnx.Param(jax.random.normal(rngs.params(), (3, 3, 6, 6)))
        self.shrink = shrink
        self.eval()

    def __call__(self, x):
        y = self.shrink(jax.nn.relu(self.norm(self.conv(x))))
        logits = self.dense(jnp.mean(jax.nn.relu(self.twice(y)), axis=(1, 2)))
        return logits - logits.mean(0, keepdims=True)  # so that no class has all the images

    def twice(self, y):
        return F.conv(y, self.kernel[...], padding=1, padding_mode="circular")


SHRINKS = {
    "subsampled": lambda y: y[:, ::2, ::2],
    "max pool": lambda y: F.max_pool(y, (2, 2)),
    "polyphase": lambda y: F.polyphase_pool(y, (2, 2))[0],
}
SHIFTS = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 3)]


def measured(name, **options):
    x = jax.random.normal(jax.random.key(0), (24, 8, 8, 2))
    return invariance(Classifier(SHRINKS[name]), x, SHIFTS, **options)


def test_polyphase_sampling_is_consistent_and_subsampling_is_not():
    polyphase, plain = measured("polyphase"), measured("subsampled")
    assert polyphase.consistency == 1.0
    assert (polyphase.agreement == 1).all()
    assert (polyphase.changes < 1e-5).all()
    assert plain.consistency < 1
    assert (plain.changes[1:4] > 1e-2).all()


def test_max_pooling_changes_less_than_subsampling():
    pooled, plain = measured("max pool"), measured("subsampled")
    assert pooled.changes[0] == plain.changes[0] == 0
    assert (pooled.changes[1:4] < plain.changes[1:4]).all()


def test_consistency_is_the_agreement_of_all_pairs():
    found = measured("subsampled")
    assert found.classes.shape == (len(SHIFTS), 24)
    pairs = [(a == b).mean() for a, b in itertools.combinations(found.classes, 2)]
    assert found.consistency == pytest.approx(np.mean(pairs))
    np.testing.assert_allclose(found.agreement, (found.classes == found.classes[0]).mean(1))


def test_crops_invent_nothing():
    def first_row(x):
        return x[:, 0, 0]

    x = np.random.default_rng(0).normal(size=(2, 7, 6, 3)).astype(np.float32)
    shifts = [(0, 0), (1, -1), (-2, 1)]
    found = invariance(first_row, x, shifts, boundary="crop", size=(3, 2))
    corners = [x[:, 2 - a, 2 - b] for a, b in shifts]
    np.testing.assert_array_equal(found.classes, [corner.argmax(-1) for corner in corners])
    change = [np.linalg.norm(c - corners[0], axis=-1) for c in corners]
    expected = [(c / np.linalg.norm(corners[0], axis=-1)).mean() for c in change]
    np.testing.assert_allclose(found.changes, expected, rtol=1e-6)


def test_one_shift_has_no_pairs():
    found = invariance(lambda x: x[:, 0], integers(2, 3, 2), [1])
    assert found.consistency is None


X = integers(1, 8, 8, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: equivariance(strided, (1, 8, 8, 2), [1]), TypeError, "`x` must be a JAX or NumPy"),
        (lambda: equivariance(strided, X, 3), TypeError, "`shifts` must be a sequence of ints"),
        (lambda: equivariance(strided, X, [0.5]), TypeError, r"`shifts` must hold ints.* got 0\.5"),
        (lambda: equivariance(strided, X, [(1,)]), ValueError, r"each of the axes \(1, 2\); got"),
        (lambda: equivariance(strided, X, []), ValueError, "at least one shift"),
        (lambda: equivariance(strided, X, [1], boundary="zero"), ValueError, "'interior', 'circ"),
        (lambda: equivariance(strided, X, [1], axes=(4,)), ValueError, "different axes of `x`"),
        (
            lambda: equivariance(strided, X, [1], axes=1),
            TypeError,
            "`axes` must be a tuple of ints",
        ),
        (lambda: equivariance(lambda x: x @ x.mT, X[0], [1]), ValueError, "slide windows along"),
        (
            lambda: equivariance(lambda x: strided(x).reshape(1, -1).sum(1), X, [1], axes=(1,)),
            ValueError,
            "keep the places along axis 1 .* Measure `invariance`",
        ),
        (lambda: invariance(strided, X[..., :1] > 0, [1]), TypeError, "got an array of bool"),
        (lambda: invariance(lambda x: x.sum(), X, [1]), ValueError, r"return \(\*batch, classes\)"),
        (lambda: invariance(strided, X, [1]), ValueError, "Of feature maps measure `equivariance`"),
        (lambda: invariance(lambda x: x, X[0, 0], [1]), ValueError, "name the `axes`"),
        (lambda: invariance(strided, X, [1], size=(4, 4)), ValueError, 'for boundary="crop" only'),
        (lambda: invariance(strided, X, [1], boundary="crop"), TypeError, "`size` must be a tuple"),
        (
            lambda: invariance(strided, X, [1], boundary="crop", size=(9, 4)),
            ValueError,
            "`size` must be from 1 to the lengths",
        ),
        (
            lambda: invariance(
                lambda x: strided(x).sum((1, 2)), X, [(0, 3)], boundary="crop", size=(4, 4)
            ),
            ValueError,
            "of axis 2, 4 of 8 elements shifted by 3 leave it; 11 would do",
        ),
        (
            lambda: equivariance(
                nnx.eval_shape(lambda: nn.Conv(2, 1, (3, 3), rngs=nnx.Rngs(0))), X, [1]
            ),
            ValueError,
            "must hold arrays to be run",
        ),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()
