"""How the reductions of windows in a jaxpr are pools of this library, and derivatives of pools."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import functional as F
from cnn_jax.algorithms import vary_alike

from ._equations import plain, source
from ._plan import Plan, planned

_POOLS = {
    "reduce_window_max": ("max pool", F.max_pool, lax.max),
    "reduce_window_min": ("min pool", F.min_pool, lax.min),
    "reduce_window_sum": ("sum pool", F.sum_pool, lax.add),
}
_OF_COMPUTATION = {
    "max": "reduce_window_max",
    "min": "reduce_window_min",
    "add": "reduce_window_sum",
}
_SELECTED = {"ge": "reduce_window_max", "le": "reduce_window_min"}


def reduction(equation: Any, made_by: Mapping[Any, Any]) -> Plan:
    """How to compute a ``reduce_window_max``, ``_min`` or ``_sum``."""
    name, (x,) = equation.primitive.name, equation.invars
    what, pool, _ = _POOLS[name]
    pad = source(x, made_by)
    if name == "reduce_window_sum" and pad is not None and _is_gradient(equation, pad):
        compute = _sum_gradient(equation, pad)
        return planned(f"gradient of a {what}", "sum_pool", equation, compute, (pad.invars[0],))
    compute = _reduction_of(name, equation.params, x.aval.dtype)
    return planned(what, pool.__name__, equation, compute, (x,))


def with_start(equation: Any, made_by: Mapping[Any, Any]) -> Plan:
    """How to compute a ``reduce_window``: any computation, and a start reduced with each window.

    JAX writes so what starts at a value that it does not know while it traces, or at one that
    changes the result.
    """
    name = _OF_COMPUTATION.get(_computation(equation.params["jaxpr"]))
    if name is None:
        return Plan("reduce_window", reason="its computation is none of max, min and sum")
    what, pool, join = _POOLS[name]
    names = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")
    options = {option: equation.params[option] for option in names}
    reduced = _reduction_of(name, options, equation.invars[0].aval.dtype)

    def compute(x: jax.Array, start: jax.Array) -> jax.Array:
        y = reduced(x)
        return join(y, jnp.broadcast_to(start, y.shape))

    return planned(what, pool.__name__, equation, compute, tuple(equation.invars))


def _computation(jaxpr: Any) -> str:
    """The name of the one primitive that a jaxpr applies to its two inputs; empty if it is more."""
    inner = plain(jaxpr)
    if len(inner.invars) != 2 or len(inner.eqns) != 1:
        return ""
    (equation,) = inner.eqns
    read = {id(atom) for atom in equation.invars}  # some constants cannot be hashed
    if read != {id(v) for v in inner.invars} or equation.outvars[0] is not inner.outvars[0]:
        return ""
    name = equation.primitive.name
    return _computation(equation.params["jaxpr"]) if name == "jit" else name


def _reduction_of(name: str, options: Any, dtype: Any) -> Callable[[jax.Array], jax.Array]:
    """A ``reduce_window_max``, ``_min`` or ``_sum`` as a function of its operand."""
    if max(options["base_dilation"], default=1) == 1:
        return _pool_of(name, options)
    computation = _POOLS[name][2]
    neutral = _neutral(computation, dtype)
    return partial(F.reduce_window, init_value=neutral, computation=computation, **options)


def _is_gradient(equation: Any, pad: Any) -> bool:
    """Whether a sum over windows of a padded array is the gradient of a sum pool.

    JAX writes it so: zeros are put around the cotangent, and between its elements where the pool
    has strides; the sum itself has none.
    """
    options = equation.params
    steps = (*options["window_strides"], *options["base_dilation"])
    zero = getattr(pad.invars[-1], "val", None)
    alone = set(steps) <= {1} and not any(map(any, options["padding"]))
    return pad.primitive.name == "pad" and alone and zero is not None and zero == 0


def _sum_gradient(equation: Any, pad: Any) -> Callable[[jax.Array], jax.Array]:
    """The gradient of the sum pool whose outputs have the cotangent that is padded."""
    options, config = equation.params, pad.params["padding_config"]
    ends = [(k - 1) * d for k, d in zip(options["window_dimensions"], options["window_dilation"])]
    pool = _pool_of(
        "reduce_window_sum",
        {
            **options,
            "window_strides": tuple(between + 1 for _, _, between in config),
            "padding": [(e - low, e - high) for e, (low, high, _) in zip(ends, config)],
        },
    )
    shape = equation.outvars[0].aval.shape

    def compute(g: jax.Array) -> jax.Array:
        x = vary_alike(jnp.zeros(shape, g.dtype), g)[0]
        return jax.vjp(pool, x)[1](g)[0]

    return compute


def gradient(equation: Any, made_by: Mapping[Any, Any]) -> Plan:
    """How to compute a ``select_and_scatter_add``, the gradient of a max or min pool."""
    name = _SELECTED[equation.params["select_prim"].name]
    pool = _pool_of(name, equation.params)

    def compute(g: jax.Array, x: jax.Array) -> jax.Array:
        return jax.vjp(pool, x)[1](g)[0]

    what, its, _ = _POOLS[name]
    return planned(f"gradient of a {what}", its.__name__, equation, compute, tuple(equation.invars))


def tangent(equation: Any, made_by: Mapping[Any, Any]) -> Plan:
    """How to compute a ``select_and_gather_add``, the tangent of a max or min pool."""
    name = _SELECTED[equation.params["select_prim"].name]
    pool = _pool_of(name, equation.params)

    def compute(dx: jax.Array, x: jax.Array) -> jax.Array:
        return jax.jvp(pool, (x,), (dx,))[1]

    what, its, _ = _POOLS[name]
    return planned(f"tangent of a {what}", its.__name__, equation, compute, tuple(equation.invars))


def _pool_of(name: str, options: Any) -> Callable[[jax.Array], jax.Array]:
    """A pool over all axes of an array, as a pool of feature maps with channels last.

    The channels are the last axis that the window leaves alone, if it is the last of all or stands
    before all axes that the window slides over; the axes before it are the batch.
    """
    sizes, strides = options["window_dimensions"], options["window_strides"]
    padding = [(int(low), int(high)) for low, high in options["padding"]]
    dilations = options.get("window_dilation", (1,) * len(sizes))
    idle = [o == (1, 1, (0, 0)) for o in zip(sizes, strides, padding)]
    pool = _POOLS[name][1]

    def compute(x: jax.Array) -> jax.Array:
        rank = len(idle)
        first = next((axis for axis in range(rank) if not idle[axis]), rank)
        if idle and idle[-1]:
            order, active = list(range(rank)), range(min(first, rank - 1), rank - 1)
        elif first > 0:
            order, active = [*range(first - 1), *range(first, rank), first - 1], range(first, rank)
        else:
            order, active = [], range(rank)
        arranged = x.transpose(order) if order else x[..., None]
        pick = lambda entries: tuple(entries[axis] for axis in active)  # noqa: E731
        y = pool(
            arranged,
            pick(sizes),
            stride=pick(strides),
            padding=pick(padding),
            dilation=pick(dilations),
        ).astype(x.dtype)
        return y.transpose(np.argsort(order)) if order else y[..., 0]

    return compute


def _neutral(computation: Any, dtype: Any) -> Any:
    """The value that changes nothing in a reduction."""
    if computation is lax.add:
        return np.zeros((), dtype)[()]
    lowest = computation is lax.max
    if jnp.issubdtype(dtype, jnp.integer):
        return np.asarray(getattr(jnp.iinfo(dtype), "min" if lowest else "max"), dtype)
    return np.asarray(-np.inf if lowest else np.inf, dtype)
