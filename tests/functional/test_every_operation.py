"""The rules that hold for every operation, over all of `tests.operations.OPERATIONS`.

`test_convolution` and `test_pooling` hold `F.conv` and the common pools to them over `tests.cases`.
Each rule is one compiled program for each operation, or a few: there are many operations.
"""

import collections
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from tests.compilation import jit
from tests.derivatives import assert_every_mode, double_precision
from tests.operations import OPERATIONS, Operation

EVERY = [(operation, name) for operation in OPERATIONS for name in operation.algorithms]
OF_IMAGES = [(operation, name) for operation, name in EVERY if operation.images]
# What is drawn for a batch differs from what is drawn for its members.
REPEATABLE = [(o, name) for o, name in OF_IMAGES if not o.before or o.before[0] is None]


def first_of_each(pairs):
    """All operations with their first algorithm; with the second, one of each function."""
    seen = set()
    for operation, name in pairs:
        if name == operation.algorithms[0] or (operation.function, name) not in seen:
            yield operation, name
        seen.add((operation.function, name))


MODES = ("method", "p", "padding_mode", "order")


def few_of_each(pairs):
    """Of each function the case that says the most, in each of its modes.

    Two cases where it has no modes, and one with its second algorithm.
    """
    kinds = collections.defaultdict(list)
    for operation, name in pairs:
        second = name != operation.algorithms[0]
        modes = () if second else tuple(operation.options.get(mode) for mode in MODES)
        kinds[operation.function, name, *modes].append(operation)
    modes_of = collections.Counter(kind[:2] for kind in kinds)
    for kind, operations in kinds.items():
        operations.sort(key=lambda o: (len(o.options) + len(o.args), len(o.shapes[0])))
        alone = modes_of[kind[:2]] == 1 and len(kind) > 2
        for operation in operations[-2 if alone else -1 :]:
            yield operation, kind[1]


FEW = list(few_of_each(EVERY))
LINEAR = [(operation, name) for operation, name in EVERY if operation.linear]


def each(pairs):
    ids = ["-".join(str(part) for part in pair if part is not None) for pair in pairs]
    return pytest.mark.parametrize(("operation", "algorithm"), pairs, ids=ids)


def assert_equal(operation, result, exact, roundings=8):
    """Bit for bit where small integers sum exactly; within a few roundings elsewhere."""
    for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(exact), strict=True):
        assert a.shape == b.shape
        if operation.exact or jnp.issubdtype(a.dtype, jnp.integer):
            np.testing.assert_array_equal(a, jnp.asarray(b).astype(a.dtype))
        else:
            bound = roundings * float(jnp.finfo(a.dtype).eps)
            a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
            np.testing.assert_allclose(a, b, rtol=bound, atol=bound * 30)


def energy(operation: Operation, algorithm, arrays, *changed):
    """A scalar of the arrays that one can differentiate by; squared, so that linear ones curve."""
    full = list(arrays)
    for index, array in zip(operation.floats, changed, strict=True):
        full[index] = array
    results = jax.tree.leaves(operation.bound(algorithm)(*full))
    floats = [y for y in results if jnp.issubdtype(y.dtype, jnp.inexact)]
    return sum(jnp.sum(jnp.where(jnp.isfinite(y), y, 0) ** 2) for y in floats)


def value_and_gradients(operation, algorithm, *arrays):
    """The operation, and the energy's gradients by what one can differentiate by."""
    scalar = partial(energy, operation, algorithm, arrays)
    changed = [arrays[i] for i in operation.floats]
    gradients = jax.grad(scalar, tuple(range(len(changed))))(*changed)
    return operation.bound(algorithm)(*arrays), gradients


def several(operation, count):
    """Different images for each of `count`, under the same kernels."""
    arrays = operation.numbers()
    for i in operation.images:
        turned = [np.roll(arrays[i].ravel(), 7 * n).reshape(arrays[i].shape) for n in range(count)]
        arrays[i] = np.stack(turned)
    return arrays


def by_kind(operation, images, kernels):
    """One entry for each array: `images` for those with batch axes, `kernels` for the others."""
    return tuple(images if i in operation.images else kernels for i in range(len(operation.shapes)))


@each(EVERY)
def test_equals_the_oracle(operation, algorithm):
    arrays = operation.numbers()
    compiled = jit(operation.bound(algorithm))
    assert_equal(operation, compiled(*arrays), operation.expected(*arrays))
    x = arrays[0]
    place = np.unravel_index(x.size // 3, x.shape)
    for poison in (np.nan, np.inf, -np.inf):  # each stays in its windows
        x[place] = poison
        with np.errstate(invalid="ignore", over="ignore"):
            exact = operation.expected(*arrays)
        assert_equal(operation, compiled(*arrays), exact)


@each(FEW)
def test_without_jit_it_is_the_same(operation, algorithm):
    arrays = operation.numbers()
    assert_equal(operation, operation.bound(algorithm)(*arrays), operation.expected(*arrays))


@each(FEW)
def test_derivatives_of_both_orders_in_every_mode(operation, algorithm):
    with double_precision():
        arrays = operation.numbers("normals", np.float64)
        scalar = partial(energy, operation, algorithm, arrays)
        assert_every_mode(scalar, *(arrays[i] for i in operation.floats))
        results = operation.bound(algorithm)(*arrays)
        for y, exact in zip(jax.tree.leaves(results), jax.tree.leaves(operation.expected(*arrays))):
            assert y.dtype in (np.float64, np.int32)
            np.testing.assert_allclose(
                y, exact, rtol=1e-6 if "fractional" in str(operation) else 1e-11
            )


@each(LINEAR)
def test_adjoint_identity(operation, algorithm):
    """<f(x), g> == <x, transpose of f (g)>: exactly, in small integers."""
    arrays = operation.numbers()
    for argument in operation.linear:

        def linear(array, argument=argument):
            return operation.bound(algorithm)(*arrays[:argument], array, *arrays[argument + 1 :])

        x = arrays[argument]
        shape = jax.eval_shape(linear, x).shape
        g = np.random.default_rng(1).integers(-8, 8, shape, endpoint=True).astype(np.float32)

        @jit
        def both(x, g, linear=linear):
            y, pull = jax.vjp(linear, x)
            return y, pull(g)[0], jax.linear_transpose(linear, x)(g)[0]

        y, gradient, transposed = both(x, g)
        form, other = np.vdot(np.float64(y), g), np.vdot(x, np.float64(transposed))
        assert form != 0
        if operation.exact:
            assert form == other
            chex.assert_trees_all_equal(transposed, gradient)
        else:
            np.testing.assert_allclose(form, other, rtol=1e-4, atol=1e-3)
            chex.assert_trees_all_close(transposed, gradient, rtol=1e-5, atol=1e-4)


@each([pair for pair in FEW if pair in OF_IMAGES])
def test_vmap_equals_a_loop(operation, algorithm):
    stacks = several(operation, 3)
    axes = by_kind(operation, 0, None)
    both = partial(value_and_gradients, operation, algorithm)
    alone = jit(both)
    members = ([a if axis is None else a[n] for a, axis in zip(stacks, axes)] for n in range(3))
    loop = jax.tree.map(lambda *ys: np.stack(ys), *(alone(*member) for member in members))
    mapped = jit(jax.vmap(both, axes))(*stacks)
    assert_equal(operation, mapped[0], loop[0])
    chex.assert_trees_all_close(mapped[1], loop[1], rtol=1e-5, atol=1e-3)


@each([pair for pair in FEW if pair in REPEATABLE])
def test_a_batch_split_over_devices_equals_a_loop(operation, algorithm):
    stacks = several(operation, 8)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    specs = by_kind(operation, P("data"), P())
    both = partial(value_and_gradients, operation, algorithm)

    one = jit(operation.bound(algorithm))
    members = ([a[n] if s else a for a, s in zip(stacks, specs)] for n in range(8))
    loop = jax.tree.map(lambda *ys: np.stack(ys), *(one(*member) for member in members))
    placed = [jax.device_put(a, NamedSharding(mesh, spec)) for a, spec in zip(stacks, specs)]
    value, gradients = jit(both)(*placed)
    assert_equal(operation, value, loop)

    outs = (P("data"), tuple(specs[i] for i in operation.floats))
    mapped = jit(jax.shard_map(both, mesh=mesh, in_specs=specs, out_specs=outs))(*stacks)
    assert_equal(operation, mapped[0], loop)
    chex.assert_trees_all_close(mapped[1], gradients, rtol=1e-5, atol=1e-2)


@each(EVERY)
def test_halves_are_summed_wide_and_rounded_once(operation, algorithm):
    function, numbers = operation.bound(algorithm), operation.numbers()
    arrays = {
        dtype: [
            jnp.asarray(a) if i in operation.integers else jnp.asarray(a).astype(dtype)
            for i, a in enumerate(numbers)
        ]
        for dtype in ("bfloat16", "float16")
    }
    results = jit(lambda arrays: {dtype: function(*a) for dtype, a in arrays.items()})(arrays)
    for dtype, halves in arrays.items():
        exact = operation.expected(*(np.asarray(a.astype(np.float32)) for a in halves))
        for y, truth in zip(jax.tree.leaves(results[dtype]), jax.tree.leaves(exact), strict=True):
            assert y.dtype in (jnp.dtype(dtype), jnp.int32)
        assert_equal(operation, results[dtype], exact, roundings=1)


@each(list(first_of_each(OF_IMAGES)))
def test_an_empty_batch_gives_an_empty_batch(operation, algorithm):
    stacks = several(operation, 1)
    none = [a[:0] if i in operation.images else a for i, a in enumerate(stacks)]
    value, gradients = jit(partial(value_and_gradients, operation, algorithm))(*none)
    like = jax.eval_shape(operation.bound(algorithm), *stacks)
    for y, one in zip(jax.tree.leaves(value), jax.tree.leaves(like), strict=True):
        assert (y.shape, y.dtype) == ((0, *one.shape[1:]), one.dtype)
    for gradient, i in zip(gradients, operation.floats):
        assert gradient.shape == none[i].shape
        assert not np.any(gradient)


@each([(operation, name) for operation, name in first_of_each(EVERY) if operation.exact])
def test_narrow_integers_never_wrap(operation, algorithm):
    """Sums of int8 are int32; what only moves or chooses elements keeps their dtype."""
    arrays = [a if a.dtype == np.int32 else (15 * a).astype(np.int8) for a in operation.numbers()]
    results = jax.tree.leaves(jit(operation.bound(algorithm))(*arrays))
    if operation.function == "conv_general_dilated":  # lax's own rule: the dtype of its operands
        assert results[0].dtype == np.int8
        return
    sums = operation.function in SUMS
    assert results[0].dtype == (np.int32 if sums else np.int8)
    for y, exact in zip(results, jax.tree.leaves(operation.expected(*arrays)), strict=True):
        np.testing.assert_array_equal(y, exact)


SUMS = {"conv_transpose", "depthwise_conv", "separable_conv", "conv_local", "sum_pool", "fold"}


@each([(o, name) for o, name in REPEATABLE if len(o.shapes) == 1 and o.function != "conv_local"])
def test_no_channels_give_no_channels(operation, algorithm):
    (shape,) = operation.shapes
    x = np.zeros((*shape[:-1], 0), np.float32)
    like = jax.eval_shape(operation.bound(algorithm), np.zeros(shape, np.float32))
    results, (gradient,) = jit(partial(value_and_gradients, operation, algorithm))(x)
    first, one = jax.tree.leaves(results)[0], jax.tree.leaves(like)[0]
    assert first.shape == (*one.shape[:-1], 0)
    assert gradient.shape == x.shape


LARGE = 33_100


@each([pair for pair in FEW if pair in REPEATABLE])
def test_large_batches(operation, algorithm):
    """XLA on CPU answers some of these wrong above 33,000 leading elements, as it compiles them."""
    few = several(operation, 2)
    repeat = [(LARGE // 2,) + (1,) * (a.ndim - 1) for a in few]
    many = [
        np.tile(a, r) if i in operation.images else a for i, (a, r) in enumerate(zip(few, repeat))
    ]
    by_images = [n for n, i in enumerate(operation.floats) if i in operation.images]

    def both(*arrays):
        value, gradients = value_and_gradients(operation, algorithm, *arrays)
        return value, [gradients[n] for n in by_images]

    small, large = jit(both)(*few), jax.jit(both)(*many)
    expected = jax.tree.map(lambda a: np.tile(a, (LARGE // 2,) + (1,) * (a.ndim - 1)), small)
    assert_equal(operation, large[0], expected[0])
    chex.assert_trees_all_close(large[1], expected[1], rtol=1e-5, atol=1e-3)
    exact = operation.expected(*few)
    assert_equal(operation, small[0], exact)


def test_the_cases_that_ran():
    assert len({str(operation) for operation in OPERATIONS}) == len(OPERATIONS)
    assert len(OPERATIONS) >= 110
