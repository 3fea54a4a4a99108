"""Arrays that are split over devices give what one device gives, whatever axis is split.

Plain `jax.jit`, which divides every operation by itself: XLA has rules for halos at the seams, and
some of them are wrong (`tests/test_known_xla_disagreements.py`). So each function is tried with its
images split along every axis and along two at once, on a mesh of one axis and on one of two, where
what is split along one axis is copied along the other.
"""

from functools import partial

import chex
import jax
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from tests.compilation import QUICKLY
from tests.functional.test_every_operation import value_and_gradients
from tests.operations import OPERATIONS, Operation

SHAPE = (8, 8, 8, 8)  # images, rows, columns, channels: each can be split over 2 and over 4

LINE = Mesh(np.array(jax.devices()[:4]), ("a",), axis_types=(AxisType.Auto,))
GRID = Mesh(np.array(jax.devices()).reshape(4, 2), ("a", "b"), axis_types=(AxisType.Auto,) * 2)
SPLITS = {  # how each of the four axes is split
    LINE: (P("a"), P(None, "a"), P(None, None, "a"), P(None, None, None, "a")),
    GRID: (
        *(P("b"), P(None, "a"), P(None, None, "b"), P(None, None, None, "a")),
        *(P("a", "b"), P(None, "a", "b"), P("b", None, None, "a")),
    ),
}


def operation(function, *others, args=(), **options):
    return Operation(function, [SHAPE, *others], args, **options)


PLAIN = {"algorithms": (None,)}


def _cases():
    same = {"padding": "SAME"}
    yield operation("conv", (3, 3, 8, 8), **same)
    yield operation("conv", (3, 3, 8, 4), (4,), stride=2, padding=1)
    yield operation("conv", (3, 1, 4, 8), groups=2, padding=(2, 0), dilation=2)
    yield operation("conv_transpose", (3, 3, 4, 8), stride=2, **same)
    yield operation("depthwise_conv", (3, 3, 1, 8), **same)
    yield operation("separable_conv", (3, 1, 1, 8), (1, 1, 8, 4), **same)
    yield operation("conv_local", (4, 4, 3, 3, 8, 2), stride=2, padding=1)
    yield operation("deform_conv", (3, 3, 8, 4), (8, 8, 8, 1, 9, 2), images=(0, 2), **same, **PLAIN)
    yield operation("conv_general_dilated", (3, 3, 8, 8), args=((1, 1), "SAME"),
                    dimension_numbers=("NHWC", "HWIO", "NHWC"))  # fmt: skip
    for pool in ("max", "sum", "avg", "lp"):
        yield operation(f"{pool}_pool", args=((3, 3),), stride=2, padding=1)
    yield operation("min_pool", args=((3, 3),), stride=1, padding=1)
    yield operation("max_pool", args=((2, 2),))
    yield operation("max_pool_with_indices", args=((3, 3),), stride=2, padding=1)
    yield operation(
        "max_unpool", SHAPE, args=((16, 16),), integers={1: 256}, images=(0, 1), **PLAIN
    )
    for pool in ("avg", "max"):
        yield operation(f"global_{pool}_pool", spatial_rank=2)
        yield operation(f"adaptive_{pool}_pool", args=((4, 3),))
    yield operation("fractional_max_pool", args=((2, 2),), before=(jax.random.key(5),),
                    output_size=(4, 5))  # fmt: skip
    yield operation("stochastic_pool", args=((3, 3),), before=(None,), stride=2, padding=1, **PLAIN)
    yield operation("blur_pool", args=((3, 3),), stride=2)
    yield operation("polyphase_pool", args=((2, 2),), **PLAIN)
    yield operation(
        "polyphase_unpool", (8,), args=((2, 2),), integers={1: 4}, images=(0, 1), **PLAIN
    )
    yield operation("unfold", args=((3, 3),), padding=1)
    yield Operation("fold", [(8, 8, 8, 9, 8)], ((8, 8), (3, 3)), padding=1)
    yield operation("space_to_depth", args=((2, 2),), **PLAIN)
    yield operation("depth_to_space", args=((2, 2),), **PLAIN)
    yield operation("pad", args=((1, 2),), value=7, **PLAIN)
    for mode in ("reflect", "replicate", "circular"):
        yield operation("pad", args=(((1, 2), 1),), padding_mode=mode, **PLAIN)
    for method in ("nearest", "linear"):
        yield operation("upsample", args=((2, 1.5),), method=method, **PLAIN)
    yield operation("sample", (8, 4, 8, 2), images=(0, 1), padding_mode="reflect", **PLAIN)


CASES = [
    *((case, case.algorithms[0] and "auto") for case in _cases()),
    *((case, "xla") for case in _cases() if case.function in ("conv", "min_pool")),
]


@pytest.mark.parametrize("mesh", SPLITS, ids=["line", "grid"])
@pytest.mark.parametrize(("case", "algorithm"), CASES, ids=str)
def test_split_arrays_equal_whole_ones(case, algorithm, mesh):
    arrays = case.numbers()

    @partial(jax.jit, compiler_options=QUICKLY)
    def each(*copies):
        return [value_and_gradients(case, algorithm, *arrays) for arrays in copies]

    (exact,) = each(arrays)
    results = each(*(placed(case, arrays, mesh, spec) for spec in SPLITS[mesh]))
    for spec, result in zip(SPLITS[mesh], results, strict=True):
        chex.assert_trees_all_close(result, exact, rtol=1e-5, atol=1e-3, custom_message=str(spec))


def placed(case, arrays, mesh, spec):
    """The images of `case`, split along the axes that can be; its kernels, whole on all devices."""
    specs = (
        _fitting(a.shape, mesh, spec) if i in case.images else P() for i, a in enumerate(arrays)
    )
    return [jax.device_put(a, NamedSharding(mesh, s)) for a, s in zip(arrays, specs)]


def _fitting(shape, mesh, spec):
    return P(
        *(name if name and n % mesh.shape[name] == 0 else None for n, name in zip(shape, spec))
    )


def test_every_function_is_tried():
    assert {case.function for case, _ in CASES} == {o.function for o in OPERATIONS} | {"conv"}
