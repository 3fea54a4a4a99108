"""`reduce_window`: the pools, and any other reduction of windows, with lax's signature."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import choose, crop, highest, larger, lowest, padded, slide, smaller
from cnn_jax.arguments import shown, with_hints
from cnn_jax.geometry import Pair, Window

from . import _checks as checks
from ._lax_window import lax_window
from ._pooling import widened
from ._sliding import of_window, slide_by


@with_hints
def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[Pair] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
    *,
    algorithm: str = "auto",
) -> Any:
    """Reduce windows as `jax.lax.reduce_window` does, with its arguments, by our algorithms.

    Unlike lax's, it can be differentiated for every `computation`, in every mode; the gradients of
    `jax.lax.max` and `jax.lax.min` go to the first extreme of a window.

    ```
    >>> import jax.numpy as jnp
    >>> from jax import lax
    >>> reduce_window(jnp.arange(1.0, 6.0), 1.0, lax.mul, (2,))
    Array([ 2.,  6., 12., 20.], dtype=float32)

    ```

    Args:
        operand: an array of any shape, or a tree of arrays of one shape.
        init_value: a scalar, or a tree of scalars, that is reduced together with each window.
            Padding is not reduced.
        computation: takes two values, or two trees of values, and returns one. It must be
            associative and commutative: the order in which it is applied is not defined.
        window_dimensions, window_strides, padding, base_dilation, window_dilation: for each axis of
            `operand`, as in lax; every padding of `conv` is taken.
        algorithm: how maxima, minima and sums are computed, as for `max_pool`.

    Returns:
        What lax returns, of the dtype of `operand`: empty where the window does not fit. Sums of
        bfloat16 and float16 run in float32.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.
    """
    leaves, tree = jax.tree.flatten(operand)
    starts, init_tree = jax.tree.flatten(init_value)
    if not leaves or tree != init_tree:
        raise ValueError(
            "`operand` must be an array or a tree of them, and `init_value` a tree like it, with a "
            f"scalar for each array; got {shown(tree)} and {shown(init_tree)}."
        )
    leaves = [checks.array("operand", leaf) for leaf in leaves]
    arguments.function("computation", computation, "two values, or two trees of values")
    shape = leaves[0].shape
    if any(leaf.shape != shape for leaf in leaves):
        shapes = ", ".join(str(leaf.shape) for leaf in leaves)
        raise ValueError(f"`operand` must hold arrays of one shape; got {shapes}.")
    starts = [checks.scalar("init_value", a, leaf.dtype) for a, leaf in zip(starts, leaves)]
    window = lax_window(
        shape,
        arguments.per_axis(
            "window_dimensions", window_dimensions, len(shape), f"`operand` {shape}"
        ),
        padding,
        window_strides=window_strides,
        window_dilation=window_dilation,
        base_dilation=base_dilation,
    )
    positions = window.output_size(shape)
    if min(positions, default=1) < 1:
        positions = tuple(max(p, 0) for p in positions)
        return tree.unflatten([jnp.zeros(positions, leaf.dtype) for leaf in leaves])
    pool = _pool_of(computation, leaves[0].dtype) if len(leaves) == 1 else None
    if pool is not None:
        name, fill, join = pool
        y = _pooled(widened(leaves[0]), window, name, algorithm, fill)
        y = y.astype(leaves[0].dtype)
        return tree.unflatten([join(y, jnp.broadcast_to(starts[0], y.shape))])
    return tree.unflatten(_folded(leaves, starts, _elementwise(computation, tree), window))


def _pool_of(computation: Callable, dtype: jnp.dtype) -> tuple[str, Any, Any] | None:
    """The pool for `computation`: its name, the value it ignores, and a function that joins two.

    None if there is no such pool.
    """
    if computation in (lax.max, jnp.maximum):
        return "max_pool", lowest(dtype), larger
    if computation in (lax.min, jnp.minimum):
        return "min_pool", highest(dtype), smaller
    if computation in (lax.add, jnp.add):
        return "sum_pool", 0, lax.add
    return None


def _pooled(x: jax.Array, window: Window, pool: str, algorithm: str, fill: Any) -> jax.Array:
    """Pool x over its axes, from the first on which the window does anything.

    Those before it are batch axes; the last axis is the channels if the window does nothing there.
    """
    options = zip(window.size, window.stride, window.padding, window.base_dilation)
    idle = [option == (1, 1, (0, 0), 1) for option in options]
    channels_last = bool(idle) and idle[-1]
    last = len(idle) - channels_last
    first = next((axis for axis in range(last) if not idle[axis]), last)
    inner = Window(*(getattr(window, field.name)[first:last] for field in fields(Window)))

    def dense(x: jax.Array, exact: Window) -> jax.Array:
        if max(exact.base_dilation, default=1) > 1:  # no pool has base dilation: fill the gaps
            # A barrier keeps XLA from folding that into the window's base dilation, which jaxlib
            # 0.10.2 ignores on large inputs: openxla/xla#48714.
            x = lax.optimization_barrier(padded(x, exact, fill))
            exact = exact.on_padded()
        return slide(choose(algorithm, of_window(pool, x, exact)), pool, x, exact)

    y = slide_by(dense, x if channels_last else x[..., None], inner)
    return y if channels_last else y[..., 0]


def _folded(
    operands: list[jax.Array], starts: list[jax.Array], computation: Callable, window: Window
) -> list[jax.Array]:
    """Reduce windows by any `computation` of two lists: along each axis in turn, tap by tap."""
    shape = operands[0].shape
    positions = window.output_size(shape)
    drops, exact = geometry.fit(window, shape)
    arrays = [padded(crop(a[None, ..., None], drops), exact)[0, ..., 0] for a in operands]

    def join(a, b):
        """Reduce two lists of arrays, each with a mask: False on padding, which is ignored."""
        (a, in_a), (b, in_b) = a, b
        joined = computation(a, b)
        if not (in_a.all() and in_b.all()):
            either = [jnp.where(in_a, *pair) for pair in zip(a, b)]
            joined = [jnp.where(in_a & in_b, *pair) for pair in zip(joined, either)]
        return joined, in_a | in_b

    everywhere = np.ones((1,) * len(shape), bool)
    seen = everywhere
    for axis, (p, k, s, d) in enumerate(zip(positions, exact.size, exact.stride, exact.dilation)):
        (low, high), b = exact.padding[axis], exact.base_dilation[axis]
        inside = np.arange(-low, arrays[0].shape[axis] - low)
        inside = (inside >= 0) & (inside < len(inside) - low - high) & (inside % b == 0)
        inside = np.expand_dims(inside, [other for other in range(len(shape)) if other != axis])
        lines = [slice(t * d, t * d + (p - 1) * s + 1, s) for t in range(k)]
        taps = [(slice(None),) * axis + (line,) for line in lines]
        arrays, in_some = reduce(join, [([a[tap] for a in arrays], inside[tap]) for tap in taps])
        seen = seen & in_some
    starts = [jnp.broadcast_to(start, positions) for start in starts]
    return join((starts, everywhere), (arrays, seen))[0]


def _elementwise(computation: Callable, tree: Any) -> Callable:
    """`computation`, which takes two trees of scalars, as a function of two lists of arrays."""

    def of_lists(a: list[jax.Array], b: list[jax.Array]) -> list[jax.Array]:
        shape = a[0].shape
        flat = [tree.unflatten([leaf.ravel() for leaf in leaves]) for leaves in (a, b)]
        result, found = jax.tree.flatten(jax.vmap(computation)(*flat))
        if found != tree or any(leaf.size != a[0].size for leaf in result):
            raise ValueError(
                "`computation` must return a tree of scalars like each of its arguments, "
                f"{tree}; got {found}."
            )
        return [leaf.reshape(shape) for leaf in result]

    return of_lists
