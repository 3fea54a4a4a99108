"""The most multiplications that this machine does in a second: sums in registers, and nothing else.

What a kernel reaches of it says how much loads, short loops and edges cost.
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from ..llvm.compiler import Kernel, registered
from ..llvm.language import Array, Code, Int
from ..llvm.machine import host
from ..llvm.plan import Numbers, Plan

SUMS, STEPS, ITEMS = 24, 20_000, 64


def multiply(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """Add a product to each of some sums, again and again."""
    (computed,) = traits
    p = Numbers(plan, 1, ("steps",), ())
    x, y = (Array(code, pointer, computed) for pointer in pointers[:2])
    factor, sums = x.broadcast(), code.sums(SUMS)
    with code.loop(0, p.steps):
        for part in sums:
            part.add(factor, factor)
    total = sums[0].now
    for part in sums[1:]:
        total = total + part.now
    y.store(item * code.lanes, total)


def program() -> tuple[Callable[[jax.Array], jax.Array], int]:
    """A function of one float32 to call, and the floating-point operations that a call does.

    Returns:
        The function, for `jax.jit`, (1,) -> (n,); and two operations for each multiply-add.
    """
    lanes = host().lanes(4)
    plan = Plan((ITEMS,), {"steps": STEPS}, {}, work=STEPS * SUMS * ITEMS)
    shapes = [(ITEMS * lanes,), (plan.scratch,)]
    results = [jax.ShapeDtypeStruct(*of) for of in zip(shapes, (jnp.float32, jnp.uint8))]
    kernel = Kernel("peak", (multiply,), 3, ("float32",))

    def called(x: jax.Array) -> jax.Array:
        return jax.ffi.ffi_call(registered(kernel), results)(x, plan=plan.encoded())[0]

    return called, 2 * math.prod((ITEMS, STEPS, SUMS, lanes))
