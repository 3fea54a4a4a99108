"""What is kept of a call: nothing that `jax.clear_caches` does not drop."""

import gc
from collections import Counter

import jax
import numpy as np

from cnn_jax import functional as F


def ours():
    """How many objects of the library's classes, and functions that it made, there are."""
    jax.clear_caches()
    gc.collect()
    kinds = Counter()
    for thing in gc.get_objects():
        of_class = str(getattr(type(thing), "__module__", ""))
        made_here = type(thing) is type(ours) and str(thing.__module__)
        for module in (of_class, made_here or ""):
            if module.startswith("cnn_jax"):
                kinds[getattr(thing, "__qualname__", type(thing).__qualname__)] += 1
    return kinds


def call(size):
    x = np.ones((1, size, size, 2), np.float32)
    kernel = np.ones((size // 2, 3, 2, 2), np.float32)

    def loss(x, kernel):
        y = F.conv(x, kernel, padding="SAME")
        y = F.max_pool(F.conv_transpose(y, kernel), (2, size // 3))
        return F.avg_pool(y, (2, 2)).sum()

    jax.jit(jax.grad(loss, (0, 1))).lower(x, kernel)
    F.explain(loss, x, kernel)
    with F.using(algorithm="im2col", max_workspace=2**20 + size):
        jax.eval_shape(loss, x, kernel)


def test_many_shapes_leave_nothing():
    call(6)
    before = ours()
    for size in range(7, 19):
        call(size)
    after = ours()
    # Compiled kernels stay: one for each size of blocks, of which there are some dozens.
    assert after.pop("Kernel") - before["Kernel"] <= 100
    if jax.__version_info__ < (0, 10):  # 0.7 keeps the static arguments of all traces: some kB
        after.pop("Window")
    assert {kind: (before[kind], n) for kind, n in after.items() if n > before[kind]} == {}
