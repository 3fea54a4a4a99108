"""The kernels in programs for several devices: each convolves its own images, and only those."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cnn_jax import functional as F
from tests.collectives import collectives
from tests.compilation import jit

DEVICES = np.array(jax.devices())
LINE = Mesh(DEVICES[:4], ("a",))
GRID = Mesh(DEVICES.reshape(4, 2), ("a", "b"))
SIX = Mesh(DEVICES[:6].reshape(3, 2), ("a", "b"))
SIX_TURNED = Mesh(DEVICES[:6].reshape(2, 3), ("a", "b"))
IMAGES, KERNEL = (
    jnp.asarray(np.random.default_rng(0).integers(-3, 4, shape), jnp.float32)
    for shape in ((24, 8, 8, 4), (3, 3, 4, 8))
)
X = IMAGES[:8]


def sides(x, kernel, algorithm="native"):
    y, pull = jax.vjp(partial(F.conv, padding="SAME", algorithm=algorithm), x, kernel)
    return y, *pull(2 * y)


def put(array, mesh, *spec):
    return jax.device_put(array, NamedSharding(mesh, P(*spec)))


def run(function, *arrays):
    program = jit(function).lower(*arrays).compile()
    return program(*arrays), collectives(program)


def assert_split(results, mesh, axes):
    y, dx, dkernel = results
    for array in (y, dx):
        split = NamedSharding(mesh, P(axes))
        assert array.sharding.is_equivalent_to(split, array.ndim)
    assert dkernel.sharding.is_fully_replicated


@pytest.mark.parametrize("axes", ["a", "b", ("a", "b"), ("b", "a")], ids=str)
@pytest.mark.parametrize("mesh", [GRID, SIX, SIX_TURNED], ids=["4x2", "3x2", "2x3"])
def test_images_stay_split_along_any_axes_of_any_mesh(mesh, axes):
    results, sent = run(sides, put(IMAGES, mesh, axes), put(KERNEL, mesh))
    chex.assert_trees_all_equal(jax.device_get(results), jax.device_get(sides(IMAGES, KERNEL)))
    assert sent == {"all-reduce": 1}  # of the kernel's gradient
    assert_split(results, mesh, axes)


@pytest.mark.parametrize(
    ("x", "kernel"),
    [((None, "a"), ()), ((None, None, "b"), ()), ((None, None, None, "a"), ()),
     (("a", "b"), ()), (("b",), (None, None, None, "a")), ((), (None, None, "a", "b"))],
    ids=str,
)  # fmt: skip
def test_other_axes_are_gathered(x, kernel):
    results, _ = run(sides, put(X, GRID, *x), put(KERNEL, GRID, *kernel))
    chex.assert_trees_all_equal(jax.device_get(results), jax.device_get(sides(X, KERNEL)))


@pytest.mark.parametrize("images", [1, 2, 3, 5, 6, 7])
def test_images_that_cannot_be_split_evenly_are_gathered(images):
    """XLA pads what is left of an uneven split, with anything: no gradient may contain it."""

    def of_some(x, kernel):
        return sides(jnp.abs(x[:images]) + 1, kernel)

    results, _ = run(of_some, put(X, LINE, "a"), put(KERNEL, LINE))
    chex.assert_trees_all_equal(jax.device_get(results), jax.device_get(of_some(X, KERNEL)))


def test_a_batch_that_vmap_makes_stays_split():
    results, sent = run(
        jax.vmap(lambda x, kernel: sides(x, kernel)[:2], (0, None)),
        put(X[:, None], GRID, "a"), put(KERNEL, GRID),
    )  # fmt: skip
    assert not sent
    for result, expected in zip(results, sides(X, KERNEL)):
        np.testing.assert_array_equal(result[:, 0], expected)


def test_two_meshes_in_one_program():
    other = NamedSharding(Mesh(DEVICES, ("all",)), P())

    def on_both(x, kernel):
        return lax.with_sharding_constraint(sides(x, kernel), other)

    results, _ = run(on_both, put(X, GRID, "a"), put(KERNEL, GRID))
    chex.assert_trees_all_equal(jax.device_get(results), jax.device_get(sides(X, KERNEL)))


def test_explicit_axes():
    """Types say where arrays are; the built-in's kernel gradient asks for it, ours knows."""
    mesh = Mesh(DEVICES[:4], ("a",), axis_types=(AxisType.Explicit,))
    results, sent = run(sides, put(X, mesh, "a"), put(KERNEL, mesh))
    chex.assert_trees_all_equal(jax.device_get(results), jax.device_get(sides(X, KERNEL)))
    assert sent == {"all-reduce": 1}
    assert_split(results, mesh, "a")


def test_without_shardy():
    """XLA's older partitioner asks other questions."""
    before = jax.config.jax_use_shardy_partitioner
    jax.config.update("jax_use_shardy_partitioner", False)
    try:
        results, sent = run(sides, put(X, GRID, "a"), put(KERNEL, GRID))
    finally:
        jax.config.update("jax_use_shardy_partitioner", before)
    chex.assert_trees_all_equal(jax.device_get(results), jax.device_get(sides(X, KERNEL)))
    assert sent == {"all-reduce": 1}


@pytest.mark.parametrize("names", ["a", "ab"])
def test_inside_of_shard_map_each_device_calls_for_itself(names):
    conv = partial(F.conv, padding="SAME", algorithm="native")
    mapped = jax.shard_map(
        conv, mesh=GRID, in_specs=(P("a"), P()), out_specs=P("a"), axis_names=set(names)
    )
    y, sent = run(mapped, put(X, GRID, "a"), put(KERNEL, GRID))
    np.testing.assert_array_equal(y, conv(X, KERNEL))
    assert not sent


def test_a_program_for_an_abstract_mesh_is_exported():
    mesh = AbstractMesh((4,), ("a",), axis_types=(AxisType.Auto,))
    arrays = (
        jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=NamedSharding(mesh, spec))
        for array, spec in ((X, P("a")), (KERNEL, P()))
    )
    exported = export.export(jax.jit(sides), platforms=["tpu"])(*arrays)
    assert exported.nr_devices == 4
    assert "custom_call" not in exported.mlir_module()
