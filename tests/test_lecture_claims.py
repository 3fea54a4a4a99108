"""What the lecture says of convolution and pooling, held to the letter.

Whole numbers in float32 sum exactly, so "equal" below means the same bits.
"""

import itertools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from cnn_jax import functional as F
from cnn_jax import nn
from tests.cases import ALGORITHMS

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
each_rank = pytest.mark.parametrize("rank", [1, 2, 3])
each_pool = pytest.mark.parametrize("pool", [F.max_pool, F.min_pool, F.avg_pool, F.sum_pool])
a_few = settings(deadline=None, max_examples=20, derandomize=True)
shifts = st.lists(st.integers(-9, 9), min_size=3, max_size=3)


def integers(*shape, seed=0):
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


def shift(x, by):
    """Every image moved by `by` pixels; what leaves at one side comes in at the other."""
    axes = tuple(range(-1 - len(by), -1))
    return np.roll(np.asarray(x), by, axes)


# ---------------------------------------------------------------- convolution follows a shift


@each_algorithm
@each_rank
@pytest.mark.parametrize("size", [2, 3])
@a_few
@given(by=shifts)
def test_conv_of_a_shift_is_the_shift_of_conv_in_a_circular_world(algorithm, rank, size, by):
    by = by[:rank]
    x, kernel = integers(2, *(6, 5, 4)[:rank], 3), integers(*[size] * rank, 3, 4, seed=1)

    def conv(x):
        return F.conv(x, kernel, padding="SAME", padding_mode="circular", algorithm=algorithm)

    chex.assert_trees_all_equal(conv(shift(x, by)), shift(conv(x), by))


@each_algorithm
@each_rank
@a_few
@given(by=shifts)
def test_conv_of_a_shift_is_the_shift_of_conv_away_from_a_border_of_zeros(algorithm, rank, by):
    by, spatial = by[:rank], (8, 7, 6)[:rank]
    x, kernel = integers(2, *spatial, 3), integers(*[3] * rank, 3, 4, seed=1)

    def conv(x):
        return F.conv(x, kernel, padding="SAME", algorithm=algorithm)

    interior = np.zeros((*spatial, 1), bool)  # the outputs whose window holds no padding
    interior[(slice(1, -1),) * rank] = True
    interior &= shift(interior, by)
    same = np.asarray(conv(shift(x, by))) == shift(conv(x), by)
    assert np.all(same | ~interior)
    assert np.any(interior)
    moved = any(steps % n for steps, n in zip(by, spatial))
    assert np.all(same) == (not moved), "the zeros stay where they are, so the border must change"


@each_algorithm
@pytest.mark.parametrize("stride", [2, 3, 4])
@a_few
@given(by=st.tuples(st.integers(-12, 12), st.integers(-12, 12)))
def test_a_strided_conv_follows_the_shifts_that_are_multiples_of_its_stride_and_no_others(
    algorithm, stride, by
):
    x, kernel = integers(12, 12, 2), integers(5, 5, 2, 3, seed=1)

    def conv(x):
        return F.conv(
            x, kernel, stride=stride, padding="SAME", padding_mode="circular", algorithm=algorithm
        )

    y, y_of_shifted = conv(x), conv(shift(x, by))
    places = itertools.product(range(12 // stride), repeat=2)
    matches = [place for place in places if np.array_equal(y_of_shifted, shift(y, place))]
    if any(steps % stride for steps in by):
        assert matches == []
    else:
        assert matches == [tuple(steps // stride % (12 // stride) for steps in by)]


@each_algorithm
@each_pool
@a_few
@given(by=st.tuples(st.integers(-3, 3), st.integers(-3, 3)))
def test_a_pool_follows_the_shifts_by_whole_windows(algorithm, pool, by):
    x = integers(2, 8, 9, 3)
    y = pool(shift(x, (2 * by[0], 3 * by[1])), (2, 3), algorithm=algorithm)
    chex.assert_trees_all_equal(y, shift(pool(x, (2, 3), algorithm=algorithm), by))


# ---------------------------------------------------------------- pooling forgets a small shift


def survivors(x, by, algorithm):
    """The share of pixels, and of 2x2 maxima, that are the same after a shift by `by` pixels."""
    before, after = x[1:-1, 1:-1], shift(x, by)[1:-1, 1:-1]
    pooled = [F.max_pool(image, (2, 2), algorithm=algorithm) for image in (before, after)]
    return np.mean(before == after), np.mean(np.asarray(pooled[0]) == np.asarray(pooled[1]))


def gray_levels(image, levels):
    """The image in whole levels, 0 to `levels` - 1."""
    image = (image - image.min()) / np.ptp(image)
    return np.round(image * (levels - 1)).astype(np.float32)


def smooth_image(side):
    """Waves of at most three periods an axis, at random."""
    rng = np.random.default_rng(0)
    i, j = np.mgrid[:side, :side] / side
    waves = [
        rng.standard_normal() * np.cos(2 * np.pi * (u * i + v * j + rng.random()))
        for u, v in itertools.product(range(4), range(-3, 4))
    ]
    return sum(waves)[..., None]


each_neighbor = pytest.mark.parametrize("by", [(0, 1), (1, 0), (0, -1), (-1, 0)])


@each_algorithm
@each_neighbor
def test_most_maxima_of_a_smooth_image_survive_a_shift_by_one_pixel(algorithm, by):
    # Measured: 0.74 to 0.78 of the maxima, and no fewer of the pixels: smoothness alone does it.
    _, maxima = survivors(gray_levels(smooth_image(66), 8), by, algorithm)
    assert 0.7 < maxima < 1


@each_algorithm
@each_neighbor
def test_maxima_of_noise_survive_a_shift_by_one_pixel_more_often_than_its_pixels(algorithm, by):
    """There it is pooling that makes the values last."""
    # Measured: 0.50 to 0.52 of the maxima, 0.12 to 0.13 of the pixels.
    noise = np.random.default_rng(0).integers(0, 8, (66, 66, 1)).astype(np.float32)
    pixels, maxima = survivors(noise, by, algorithm)
    assert maxima > 3 * pixels


@each_algorithm
@each_neighbor
def test_all_maxima_of_a_constant_image_survive_a_shift_by_one_pixel(algorithm, by):
    assert survivors(np.full((66, 66, 1), 3, np.float32), by, algorithm) == (1, 1)


# ---------------------------------------------------------------- pooling keeps channels apart


@each_algorithm
@each_pool
def test_a_pool_of_permuted_channels_is_the_pool_with_its_channels_permuted(algorithm, pool):
    x, order = integers(2, 7, 8, 5), np.array([3, 0, 4, 2, 1])
    y = pool(x, (3, 2), stride=2, padding=1, algorithm=algorithm)
    permuted = pool(x[..., order], (3, 2), stride=2, padding=1, algorithm=algorithm)
    chex.assert_trees_all_equal(permuted, y[..., order])


@each_algorithm
@each_pool
@pytest.mark.parametrize("value", [100.0, np.nan, np.inf, -np.inf])
def test_what_happens_in_one_channel_leaves_the_bits_of_the_others(algorithm, pool, value):
    x = np.random.default_rng(0).standard_normal((2, 7, 8, 4)).astype(np.float32)
    changed = x.copy()
    changed[..., 1] = value
    y, after = (
        np.asarray(pool(images, (3, 2), stride=2, padding=1, algorithm=algorithm))
        for images in (x, changed)
    )
    chex.assert_trees_all_equal(after[..., [0, 2, 3]], y[..., [0, 2, 3]])
    assert not np.any(after[..., 1] == y[..., 1])


# ---------------------------------------------------------------- sparse and shared


def matrix_of(conv, *spatial):
    """The matrix of a linear map of images of one channel, a column from each unit image."""
    unit_images = np.eye(math.prod(spatial), dtype=np.float32).reshape(-1, *spatial, 1)
    columns = np.asarray(conv(unit_images))
    return columns.reshape(len(unit_images), -1).T


def distinct(values):
    return len(np.unique(values[values != 0]))


@each_algorithm
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_matrix_of_a_1d_conv_has_k_nonzeros_a_row_and_k_distinct_values(algorithm, k):
    kernel = np.arange(1, k + 1, dtype=np.float32)[:, None, None]

    def conv(x):
        return F.conv(x, kernel, algorithm=algorithm)

    matrix = matrix_of(conv, 8)
    assert matrix.shape == (8 - k + 1, 8)
    assert np.all(np.count_nonzero(matrix, axis=1) == k)
    assert distinct(matrix) == k
    chex.assert_trees_all_equal(matrix[1:, 1:], matrix[:-1, :-1])  # Toeplitz
    x = integers(8, 1)
    chex.assert_trees_all_equal(conv(x), matrix @ x)
    chex.assert_trees_all_equal(jax.jacobian(conv)(jnp.asarray(x))[:, 0, :, 0], matrix)


@each_algorithm
def test_the_matrix_of_a_2d_conv_has_k_squared_nonzeros_a_row_and_as_many_values(algorithm):
    kernel = np.arange(1, 10, dtype=np.float32).reshape(3, 3, 1, 1)
    matrix = matrix_of(lambda x: F.conv(x, kernel, algorithm=algorithm), 6, 5)
    assert matrix.shape == (4 * 3, 6 * 5)
    assert np.all(np.count_nonzero(matrix, axis=1) == 9)
    assert distinct(matrix) == 9


def test_the_matrix_of_a_dense_layer_is_neither_sparse_nor_shared():
    dense = nnx.Linear(8, 6, use_bias=False, rngs=nnx.Rngs(0))
    matrix = matrix_of(lambda x: dense(x[..., 0]), 8)
    assert np.count_nonzero(matrix) == distinct(matrix) == 6 * 8


def weights(side, channels, k):
    """Weights from an image to one of the same shape: dense, local with k x k windows, conv."""
    outputs = side * side * channels
    window = k * k * channels
    return {"dense": outputs * outputs, "local": outputs * window, "conv": window * channels}


def test_a_conv_is_a_dense_layer_most_of_whose_weights_are_zero_and_the_rest_shared():
    """Entries of its matrix, nonzero ones (a local layer's weights), and distinct nonzero ones."""
    kernel = np.arange(1, 82, dtype=np.float32).reshape(3, 3, 3, 3)
    jacobian = jax.jacobian(lambda x: F.conv(x, kernel, padding="SAME", padding_mode="circular"))
    matrix = np.asarray(jacobian(jnp.zeros((6, 6, 3))))
    counts = {"dense": matrix.size, "local": np.count_nonzero(matrix), "conv": distinct(matrix)}
    assert counts == weights(side=6, channels=3, k=3)


def test_weights_of_the_lectures_motivation():
    """256x256x3 to 256x256x3: 38.7 thousand million weights dense, 5.3 million local, 81 conv."""
    counts = weights(side=256, channels=3, k=3)
    assert counts == {"dense": 38_654_705_664, "local": 5_308_416, "conv": 81}
    layer = nn.Conv(3, 3, (3, 3), padding="SAME", rngs=nnx.Rngs(0))
    assert layer.kernel[...].size == counts["conv"]
    y = jax.eval_shape(layer, jax.ShapeDtypeStruct((256, 256, 3), jnp.float32))
    assert math.prod(y.shape) ** 2 == counts["dense"]
