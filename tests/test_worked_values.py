"""The numbers that the lecture and two textbooks work out by hand.

*Lecture*: the course's slides on convolution and pooling. *D2L*: Zhang et al., Dive into Deep
Learning, chapter 7. *UDL*: Prince, Understanding Deep Learning, chapter 10.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import geometry, nn
from tests.cases import ALGORITHMS

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def image(rows):
    """Rows of numbers as one batch-less image of one channel; a single row as a signal."""
    return jnp.asarray(rows, jnp.float32)[..., None]


def kernel_of(rows):
    """Rows of numbers as a kernel from one channel to one channel."""
    return jnp.asarray(rows, jnp.float32)[..., None, None]


def arange_image(start, side):
    return image(np.arange(start, start + side * side).reshape(side, side))


def field_seen_by_the_middle(network, x):
    """How many elements of the signal `x` one middle output depends on: those with a gradient."""

    def middle(x):
        y = network(x)
        return y[len(y) // 2, 0]

    return int(jnp.count_nonzero(jax.jit(jax.grad(middle))(x)))


def stacked(kernel, layers, algorithm):
    """A network of `layers` convolutions by the same kernel, no two taps of which cancel."""

    def network(x):
        for _ in range(layers):
            x = F.conv(x, kernel, algorithm=algorithm)
        return x

    return network


# ---------------------------------------------------------------- lecture


@each_algorithm
def test_lecture_a_kernel_of_two_slides_over_six(algorithm):
    """m = 6, k = 2: the n = (m - k) / s + 1 = 5 outputs are a x1 + b x2, a x2 + b x3, ..."""
    x, (a, b) = np.array([3.0, 1, 4, 1, 5, 9], np.float32), (2, 7)
    y = F.conv(image(x), kernel_of([a, b]), algorithm=algorithm)
    assert y.shape == (5, 1)
    chex.assert_trees_all_equal(y[:, 0], a * x[:-1] + b * x[1:])


@each_algorithm
def test_lecture_a_larger_stride_or_kernel_gives_fewer_outputs(algorithm):
    x = image([3.0, 1, 4, 1, 5, 9])
    y = F.conv(x, kernel_of([2.0, 7]), stride=2, algorithm=algorithm)
    chex.assert_trees_all_equal(y[:, 0], np.float32([2 * 3 + 7 * 1, 2 * 4 + 7 * 1, 2 * 5 + 7 * 9]))
    y = F.conv(x, kernel_of([1.0, 2, 3]), algorithm=algorithm)
    chex.assert_trees_all_equal(y[:, 0], np.float32([17, 12, 21, 38]))


@pytest.mark.parametrize(
    ("spatial", "size", "options", "expected"),
    [
        ((6,), (2,), {}, (5,)),
        ((6,), (2,), {"stride": 2}, (3,)),
        ((6,), (3,), {}, (4,)),
        ((6, 6), (3, 3), {"stride": 1, "padding": 0}, (4, 4)),
        ((5, 5), (3, 3), {}, (3, 3)),
        ((5, 5), (3, 3), {"padding": 1}, (5, 5)),
        ((5, 5), (3, 3), {"padding": "SAME"}, (5, 5)),
        ((8, 8), (3, 3), {"padding": 1}, (8, 8)),
        ((8, 8), (5, 3), {"padding": (2, 1)}, (8, 8)),
        ((8, 8), (3, 3), {"padding": 1, "stride": 2}, (4, 4)),
        ((8, 8), (3, 5), {"padding": (0, 1), "stride": (3, 4)}, (2, 2)),
    ],
)
def test_output_sizes_of_the_lecture_and_d2l(spatial, size, options, expected):
    """(H + 2 P - F) / S + 1, rounded down."""
    assert geometry.output_size(spatial, size, **options) == expected
    x, kernel = jnp.zeros((2, *spatial, 1)), jnp.zeros((*size, 1, 1))
    y = jax.eval_shape(lambda x, kernel: F.conv(x, kernel, **options), x, kernel)
    assert y.shape == (2, *expected, 1)


@each_algorithm
def test_lecture_pooling_slice(algorithm):
    x = image([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    largest = F.max_pool(x, (2, 2), stride=2, algorithm=algorithm)
    chex.assert_trees_all_equal(largest, image([[6, 8], [3, 4]]))
    mean = F.avg_pool(x, (2, 2), stride=2, algorithm=algorithm)
    chex.assert_trees_all_equal(mean, image([[3.25, 5.25], [2, 2]]))


@each_algorithm
@pytest.mark.parametrize(
    ("size", "layers", "field"),
    [(3, 1, 3), (3, 2, 5), (3, 3, 7), (7, 3, 19)],
    ids=["lecture", "lecture", "UDL", "UDL"],
)
def test_receptive_field_of_stacked_layers(algorithm, size, layers, field):
    kernel = kernel_of(np.arange(1, 1 + size))
    network = stacked(kernel, layers, algorithm)
    assert field_seen_by_the_middle(network, image(np.ones(32))) == field


# ---------------------------------------------------------------- D2L, chapter 7


@each_algorithm
def test_d2l_one_channel(algorithm):
    y = F.conv(arange_image(0, 3), kernel_of([[0, 1], [2, 3]]), algorithm=algorithm)
    chex.assert_trees_all_equal(y, image([[19, 25], [37, 43]]))


@each_algorithm
def test_d2l_two_channels_in_and_three_out(algorithm):
    """The second input and kernel are the first plus one; output channels by K, K+1, K+2."""
    x = jnp.concatenate([arange_image(0, 3), arange_image(1, 3)], axis=-1)
    kernel = jnp.concatenate([kernel_of([[0, 1], [2, 3]]), kernel_of([[1, 2], [3, 4]])], axis=-2)
    y = F.conv(x, kernel, algorithm=algorithm)
    chex.assert_trees_all_equal(y, image([[56, 72], [104, 120]]))
    y = F.conv(x, jnp.concatenate([kernel, kernel + 1, kernel + 2], axis=-1), algorithm=algorithm)
    channels = [[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]
    chex.assert_trees_all_equal(y, jnp.concatenate([image(c) for c in channels], axis=-1))


@each_algorithm
def test_d2l_pools_of_three_by_three(algorithm):
    x = arange_image(0, 3)
    largest = F.max_pool(x, (2, 2), stride=1, algorithm=algorithm)
    chex.assert_trees_all_equal(largest, image([[4, 5], [7, 8]]))
    mean = F.avg_pool(x, (2, 2), stride=1, algorithm=algorithm)
    chex.assert_trees_all_equal(mean, image([[2, 3], [5, 6]]))


@each_algorithm
def test_d2l_pools_of_four_by_four(algorithm):
    x = arange_image(0, 4)
    chex.assert_trees_all_equal(F.max_pool(x, (3, 3), algorithm=algorithm), image([[10]]))
    y = F.max_pool(x, (3, 3), stride=2, padding=1, algorithm=algorithm)
    chex.assert_trees_all_equal(y, image([[5, 7], [13, 15]]))


@each_algorithm
def test_d2l_the_edge_kernel_is_learnt_from_data(algorithm):
    """An image with two vertical edges and what [1, -1] makes of it: descent finds the kernel."""
    x = np.ones((6, 8))
    x[:, 2:6] = 0
    x = image(x)
    edges = F.conv(x, kernel_of([[1, -1]]), algorithm=algorithm)
    assert sorted(set(edges.ravel().tolist())) == [-1, 0, 1]

    def loss(kernel):
        return jnp.sum((F.conv(x, kernel, algorithm=algorithm) - edges) ** 2)

    gradient = jax.jit(jax.grad(loss))
    kernel = jax.random.normal(jax.random.key(0), (1, 2, 1, 1))
    for _ in range(30):
        kernel = kernel - 0.01 * gradient(kernel)
    chex.assert_trees_all_close(kernel, kernel_of([[1, -1]]), atol=0.05)


# ---------------------------------------------------------------- UDL, chapter 10

SIGNAL = [5.2, 5.3, 5.4, 5.1, 10.1, 10.3, 9.9, 10.3, 3.2, 3.4, 3.3, 3.1]


@each_algorithm
@pytest.mark.parametrize(
    ("taps", "dilation", "total"),
    [([0.33] * 3, 1, 71.115), ([0.2] * 5, 1, 69.56), ([0.33] * 3, 2, 68.277)],
)
def test_udl_10_1_sums_of_smoothed_signals(algorithm, taps, dilation, total):
    y = F.conv(
        image(SIGNAL), kernel_of(taps), padding="SAME", dilation=dilation, algorithm=algorithm
    )
    assert y.shape == (12, 1)
    np.testing.assert_allclose(np.sum(y), total, rtol=1e-6)


@each_algorithm
def test_udl_10_1_stride_two_is_every_other_value(algorithm):
    x, kernel = image(SIGNAL), kernel_of([0.33] * 3)
    every = F.conv(x, kernel, padding=1, algorithm=algorithm)
    strided = F.conv(x, kernel, padding=1, stride=2, algorithm=algorithm)
    assert strided.shape == (6, 1)
    chex.assert_trees_all_close(strided, every[::2], rtol=1e-6)


@each_algorithm
def test_udl_10_1_differences_and_their_matrix(algorithm):
    x, kernel = image(SIGNAL), kernel_of([-1, 0.5, -0.2])

    def conv(x):
        return F.conv(x, kernel, padding=1, algorithm=algorithm)

    y = [1.54, -3.63, -3.62, -4.87, -2.11, -6.93, -7.41, -5.39, -9.38, -2.16, -2.37, -1.75]
    chex.assert_trees_all_close(conv(x), image(y), atol=1e-5)
    matrix = jax.jacobian(conv)(x)[:, 0, :, 0]
    rows = sum(np.diagflat([tap] * (12 - abs(k)), k) for tap, k in [(-1, -1), (0.5, 0), (-0.2, 1)])
    chex.assert_trees_all_equal(matrix, rows.astype(np.float32))
    chex.assert_trees_all_close(matrix @ x, conv(x), rtol=1e-5)


@each_algorithm
def test_udl_10_4_down_sampling(algorithm):
    x = image([[1, 3, 5, 3], [6, 2, 0, 8], [4, 6, 1, 4], [2, 8, 0, 3]])
    subsample = F.conv(x, kernel_of([[1]]), stride=2, algorithm=algorithm)
    chex.assert_trees_all_equal(subsample, image([[1, 5], [4, 1]]))
    largest = F.max_pool(x, (2, 2), algorithm=algorithm)
    chex.assert_trees_all_equal(largest, image([[6, 8], [8, 4]]))
    mean = F.avg_pool(x, (2, 2), algorithm=algorithm)
    chex.assert_trees_all_equal(mean, image([[3, 4], [5, 2]]))


def test_udl_a_5x5_layer_from_3_to_10_channels_has_750_weights_and_10_biases():
    layer = nn.Conv(3, 10, (5, 5), rngs=nnx.Rngs(0))
    assert layer.kernel[...].shape == (5, 5, 3, 10)
    assert (layer.kernel[...].size, layer.bias[...].size) == (750, 10)
