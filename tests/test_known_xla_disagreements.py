"""Where JAX's or Flax's own operations are wrong or fail, shown against NumPy, and ours are right.

One function per disagreement gives `(built_in, ours, arguments, exact)`, and `KNOWN` lists in which
versions the built-in was seen to be wrong, all on the CPU. In others its half is skipped; ours must
be right in all versions, with every algorithm, eager and jitted.
"""

import dataclasses
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cnn_jax import functional as F
from tests.cases import ALGORITHMS


def matrix_vector_product_then_sum():
    """From row 32,768 on, in float32, each row's answer is that of a row before it."""
    x = (np.arange(33_100, dtype=np.float32) % 7)[:, None] * np.array([1, 0, 0], np.float32)
    matrix = np.eye(3, dtype=np.float32)

    def built_in(x):
        return jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2))(x)

    def ours(x):
        return jax.vmap(lambda row: jnp.sum(F.conv(row, matrix) ** 2))(x)

    return jax.jit(built_in), ours, (x,), x[:, 0] ** 2


def cropping_convolution():
    """Read in the padding: the next row of the image, and after the last row foreign memory.

    Any inequality will do, so it does not matter what lies there.
    """
    x = np.random.default_rng(0).integers(1, 9, (1, 15, 6, 8)).astype(np.float32)
    kernel = np.eye(8, dtype=np.float32)[None, None]
    padding = ((0, 0), (-5, 1))

    def built_in(x):
        dimensions = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=dimensions)

    def ours(x):
        return F.conv(x, kernel, padding=padding)

    return built_in, ours, (x,), np.pad(x[:, :, 5:], ((0, 0), (0, 0), (0, 1), (0, 0)))


def base_dilation():
    """The holes are left out where window and stride are 1, from a few thousand elements on."""
    x = np.random.default_rng(0).integers(-8, -1, (64, 128)).astype(np.float32)

    def reduce_windows(reduce_window, x):
        options = ((2, 1), (2, 1), ((0, 0), (0, 0)))
        return tuple(
            reduce_window(x, initial, computation, *options, base_dilation=(1, 2))
            for initial, computation in ((-np.inf, lax.max), (0.0, lax.add))
        )

    exact = np.full((32, 255), -np.inf, np.float32), np.zeros((32, 255), np.float32)
    exact[0][:, ::2] = x.reshape(32, 2, 128).max(1)
    exact[1][:, ::2] = x.reshape(32, 2, 128).sum(1)
    return (
        lambda x: reduce_windows(lax.reduce_window, x),
        lambda x: reduce_windows(F.reduce_window, x),
        (x,),
        exact,
    )


def crop_folded_into_padding():
    """jit adds the crop to the padding of the window, so that cropped elements come back.

    It does so only to a `lax.pad` with gaps: here it spreads an axis that has one element. `F.pad`
    crops by slicing; where the caller crops by `lax.pad`, "xla" is as wrong as the built-in.
    """
    x = np.arange(1, 7, dtype=np.float32).reshape(1, 1, 6, 1)
    ones = np.ones((1, 2, 1, 1), np.float32)

    def crop(x):
        return lax.pad(x, 0.0, ((0, 0, 0), (0, 0, 1), (-1, 0, 0), (0, 0, 0)))

    @jax.jit
    def conv(x):
        padding, dimensions = ((0, 0), (1, 0)), ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            crop(x), ones, (1, 1), padding, dimension_numbers=dimensions
        )

    @jax.jit
    def sums(x):
        padding = ((0, 0), (0, 0), (1, 0), (0, 0))
        return lax.reduce_window(crop(x), 0.0, lax.add, (1, 1, 2, 1), (1, 1, 1, 1), padding)

    def ours(x):
        cropped = F.pad(x, (0, (-1, 0)))
        padding = ((0, 0), (1, 0))
        return (
            F.conv(cropped, ones, padding=padding, input_dilation=(2, 1)),
            F.sum_pool(cropped, (1, 2), stride=1, padding=padding),
        )

    cropped = x[:, :, 1:]
    exact = cropped + np.pad(cropped, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1]
    return lambda x: (conv(x), sums(x)), ours, (x,), (exact, exact)


def maximum_of_nan():
    """Large float32 maxima pass over a NaN."""
    x = np.ones((1, 32, 32, 32), np.float32)
    x[0, 5, 6, 7] = np.nan

    def built_in(x):
        window = (1, 2, 2, 1)
        return lax.reduce_window(x, -np.inf, lax.max, window, window, "VALID"), jnp.max(x, (1, 2))

    def ours(x):
        return F.max_pool(x, (2, 2)), F.global_max_pool(x, spatial_rank=2)

    return built_in, ours, (x,), (x.reshape(1, 16, 2, 16, 2, 32).max((2, 4)), x.max((1, 2)))


def groups_without_spatial_axes():
    """The first group's outputs are computed from other channels than its own."""
    x = np.arange(24, dtype=np.float32).reshape(6, 4)
    kernel = np.arange(12, dtype=np.float32).reshape(2, 6)

    def built_in(x, kernel):
        dimensions = lax.ConvDimensionNumbers((0, 1), (1, 0), (0, 1))
        return lax.conv_general_dilated(
            x, kernel, (), (), dimension_numbers=dimensions, feature_group_count=2
        )

    def ours(x, kernel):
        return F.conv(x, kernel, groups=2)

    exact = np.concatenate([x[:, :2] @ kernel[:, :3], x[:, 2:] @ kernel[:, 3:]], axis=1)
    return built_in, ours, (x, kernel), exact


def patches_of_inf_and_nan():
    """Patches are a convolution with zeros and ones, and 0 * inf is NaN."""
    x = np.arange(25, dtype=np.float32).reshape(1, 5, 5, 1)
    x[0, 1, 1, 0], x[0, 3, 4, 0] = np.inf, np.nan

    def built_in(x):
        dimensions = ("NHWC", "HWIO", "NHWC")
        patches = lax.conv_general_dilated_patches(
            x, (2, 2), (1, 1), "VALID", dimension_numbers=dimensions
        )
        return patches[..., None]

    def ours(x):
        return F.unfold(x, (2, 2))

    taps = [x[:, i : i + 4, j : j + 4] for i in range(2) for j in range(2)]
    return built_in, ours, (x,), np.stack(taps, axis=3)


def average_of_bfloat16():
    """Summed in bfloat16, where 256 + 1 is 256."""
    x = jnp.ones((1, 32, 32, 1), jnp.bfloat16)

    def built_in(x):
        with jax.numpy_dtype_promotion("standard"):
            return flax.linen.avg_pool(x, (32, 32))

    def ours(x):
        return F.avg_pool(x, (32, 32))

    return built_in, ours, (x,), np.ones((1, 1, 1, 1), jnp.bfloat16)


def gradient_of_dilated_maximum():
    """Not implemented."""
    x = np.array([3, 1, 4, 2, 5, 0], np.float32)

    def built_in(x):
        options = {"padding": "VALID", "window_dilation": (2,)}
        return jax.grad(
            lambda x: lax.reduce_window(x, -np.inf, lax.max, (2,), (1,), **options).sum()
        )(x)

    def ours(x):
        return jax.grad(lambda x: F.max_pool(x[:, None], (2,), stride=1, dilation=2).sum())(x)

    # The pairs (3, 4), (1, 2), (4, 5), (2, 0): their maxima are in places 2, 3, 4 and 3.
    return built_in, ours, (x,), np.array([0, 0, 1, 2, 1, 0], np.float32)


def two_paddings_of_a_split_array():
    """An array in two parts is padded by what comes first, for all that pad it by as much.

    The partitioner keeps padded parts by array and window, and forgets the value: here -inf, which
    the sums meet as well. `lax.pad` by two values, or a maximum beside a convolution, is as wrong.
    """
    mesh = Mesh(np.array(jax.devices()[:2]), ("rows",), axis_types=(AxisType.Auto,))
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 8, 1)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    taps = np.stack([padded[:, i : i + 8] for i in range(3)])

    @jax.jit
    def built_in(x):
        options = ((1, 3, 1), (1, 1, 1), ((0, 0), (1, 1), (0, 0)))
        largest = lax.reduce_window(x, -np.inf, lax.max, *options)
        return largest + lax.reduce_window(x, 0.0, lax.add, *options)

    @jax.jit
    def ours(x):
        options = {"stride": 1, "padding": 1}
        return F.max_pool(x, (3,), **options) + F.sum_pool(x, (3,), **options)

    split = jax.device_put(x, NamedSharding(mesh, P(None, "rows")))
    return built_in, ours, (split,), taps.max(0) + taps.sum(0)


def kernel_gradient_of_split_rows():
    """Twice what it should be: the sum of all devices' parts, of which two each hold the same.

    Rows are split over one axis of a mesh, and copied along the other.
    """
    mesh = Mesh(
        np.array(jax.devices()).reshape(4, 2), ("rows", "b"), axis_types=(AxisType.Auto,) * 2
    )
    rng = np.random.default_rng(0)
    x, g = rng.integers(1, 9, (2, 2, 8, 8, 4)).astype(np.float32)
    kernel = np.zeros((3, 1, 4, 4), np.float32)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))
    taps = np.stack([padded[:, i : i + 8] for i in range(3)])

    @jax.jit
    def built_in(x, g):
        dimensions = ("NHWC", "HWIO", "NHWC")

        def conv(kernel):
            return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=dimensions)

        return jax.vjp(conv, kernel)[1](g)

    def ours(x, g):
        return jax.vjp(lambda kernel: F.conv(x, kernel, padding="SAME"), kernel)[1](g)

    split = jax.device_put((x, g), NamedSharding(mesh, P(None, "rows")))
    return built_in, ours, split, (np.einsum("tnhwc,nhwo->tco", taps, g)[:, None],)


def reshape_of_a_reshape():
    """Elements of the second row on come from other places: a reshape, another, and a transpose.

    Without the barrier the reshapes become one, which is right.
    """
    x = np.arange(96, dtype=np.float32).reshape(2, 3, 8, 2)

    @jax.jit
    def built_in(x):
        flat = lax.optimization_barrier(x.reshape(48, 2))
        return flat.reshape(6, 8, 2).transpose(1, 2, 0)

    def ours(x):
        def conv(kernel):  # one window, and an output channel for each of the six sequences
            return F.conv(x, kernel)

        each = np.eye(6, dtype=np.float32).reshape(2, 3, 1, 6)
        return jax.vjp(conv, np.zeros((8, 2, 6), np.float32))[1](each)[0]

    return built_in, ours, (x,), x.reshape(6, 8, 2).transpose(1, 2, 0)


@dataclasses.dataclass(frozen=True)
class Disagreement:
    """`parts()` gives two functions, their arguments, and what both should return."""

    parts: Callable[[], tuple[Callable, Callable, tuple, Any]]
    reference: str
    _: dataclasses.KW_ONLY
    package: str = "jaxlib"
    wrong_in: tuple[str, ...]
    raises: type[Exception] | None = None

    def __str__(self):
        return self.parts.__name__


# fmt: off
KNOWN = (
    Disagreement(matrix_vector_product_then_sum, "jax-ml/jax#39103", wrong_in=("0.10.2",)),
    Disagreement(cropping_convolution, "openxla/xla#48713", wrong_in=("0.7.2", "0.10.2")),
    Disagreement(base_dilation, "openxla/xla#48714", wrong_in=("0.10.2",)),
    Disagreement(crop_folded_into_padding, "openxla/xla#48715", wrong_in=("0.7.2", "0.10.2")),
    Disagreement(two_paddings_of_a_split_array, "seen here", wrong_in=("0.7.2", "0.10.2")),
    Disagreement(kernel_gradient_of_split_rows, "seen here", wrong_in=("0.7.2", "0.10.2")),
    Disagreement(reshape_of_a_reshape, "seen here", wrong_in=("0.10.2",)),
    Disagreement(maximum_of_nan, "seen here", wrong_in=("0.10.2",)),
    Disagreement(groups_without_spatial_axes, "seen here", wrong_in=("0.7.2",)),
    Disagreement(patches_of_inf_and_nan, "a convolution with a 0/1 kernel, by design",
                 package="jax", wrong_in=("0.7.2", "0.10.2")),
    Disagreement(average_of_bfloat16, "flax.linen.avg_pool sums in the dtype of its input",
                 package="flax", wrong_in=("0.11.2", "0.12.8")),
    Disagreement(gradient_of_dilated_maximum, "VJP of select_and_gather is not implemented",
                 package="jax", wrong_in=("0.7.2", "0.10.2"), raises=NotImplementedError),
)
# fmt: on

each_disagreement = pytest.mark.parametrize("known", KNOWN, ids=str)


def equal(results, exact):
    """For each result, whether all its elements are those of its exact answer; NaN equals NaN."""
    results, exact = jax.tree.leaves(results), jax.tree.leaves(exact)
    assert [(a.shape, a.dtype) for a in results] == [(a.shape, a.dtype) for a in exact]
    # Not converted: in foreign memory lies any NaN, and of a signalling one NumPy's casts warn.
    return [np.array_equal(np.asarray(a), b, equal_nan=True) for a, b in zip(results, exact)]


@each_disagreement
def test_the_built_in_is_wrong(known):
    installed = version(known.package)
    if jax.default_backend() != "cpu":
        pytest.skip("seen on the CPU")
    if installed not in known.wrong_in:
        seen = " and ".join(known.wrong_in)
        pytest.skip(f"seen in {known.package} {seen}, this is {installed}: {known.reference}")
    built_in, _, arguments, exact = known.parts()
    if known.raises:
        with pytest.raises(known.raises):
            built_in(*arguments)
    else:
        assert not any(equal(built_in(*arguments), exact))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@each_disagreement
def test_ours_is_right(known, algorithm):
    _, ours, arguments, exact = known.parts()
    with F.using(algorithm=algorithm):
        assert all(equal(ours(*arguments), exact))
        assert all(equal(jax.jit(ours)(*arguments), exact))
