"""The same bits on any number of threads, whenever they start; and many calls at once."""

import concurrent.futures
import os
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from cnn_jax.algorithms.native import dense_kernel, dense_plan, depthwise, depthwise_kernel
from cnn_jax.algorithms.native.machine import host
from cnn_jax.geometry import Window

from . import frames

SAME = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1))
X, KERNEL, DEPTHWISE = (4, 17, 19, 24), (3, 3, 24, 40), (3, 3, 1, 24)
G = (4, 17, 19, 40)
PLANS = {
    "output": lambda: (dense_plan.plan(host(), X, KERNEL, SAME, 1, "float32"), (X, KERNEL), G),
    "kernel gradient": lambda: (
        dense_kernel.plan(host(), X, G, SAME, 1, "float32"), (X, G), KERNEL,
    ),
    "depthwise": lambda: (
        depthwise.plan(host(), X, DEPTHWISE, SAME, 24, "float32"), (X, DEPTHWISE), X,
    ),
    "depthwise kernel gradient": lambda: (
        depthwise_kernel.plan(host(), X, X, SAME, 24, "float32"), (X, X), DEPTHWISE,
    ),
}  # fmt: skip


def at_once(tasks):
    def schedule(task):
        tasks.append(threading.Thread(target=task))
        tasks[-1].start()

    return schedule


def given_up(tasks):
    """A pool that starts nothing before the caller has finished."""
    return lambda task: tasks.append(threading.Thread(target=task))


def no_pool(tasks):
    return lambda task: False


@pytest.mark.parametrize("pool", [at_once, given_up, no_pool])
@pytest.mark.parametrize("threads", [2, 4, 8])
@pytest.mark.parametrize("side", PLANS)
def test_the_bits_do_not_depend_on_threads(side, threads, pool, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    (kernel, plan), given, shape = PLANS[side]()
    assert 1 < plan.threads <= threads
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape, np.float32) for shape in given]
    (alone,) = frames.calls(kernel, plan, arrays, [(shape, np.float32)])
    tasks = []
    (together,) = frames.calls(kernel, plan, arrays, [(shape, np.float32)], schedule=pool(tasks))
    for task in tasks:
        if not task.is_alive() and task.ident is None:
            task.start()  # late: it finds its job, and nothing to do
        task.join()
    assert len(tasks) == (0 if pool is no_pool else plan.threads - 1)
    np.testing.assert_array_equal(alone.view(np.int32), together.view(np.int32))


def test_calls_from_many_threads_at_once():
    x, kernel = jnp.ones((2, 12, 12, 8)), jnp.ones((3, 3, 8, 16))
    program = jax.jit(lambda x: F.conv(x, kernel, padding=1, algorithm="native"))
    expected = np.asarray(program(x))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for y in [*pool.map(lambda i: program(x * (i % 3)), range(1000))][-3:]:
            assert np.asarray(y).max() in (0, expected.max(), 2 * expected.max())
        results = [*pool.map(lambda i: np.asarray(program(x * i)), range(50))]
    for i, y in enumerate(results):
        np.testing.assert_array_equal(y, i * expected)


def test_calls_keep_no_memory():
    import resource

    x, kernel = jnp.ones((1, 8, 8, 4)), jnp.ones((3, 3, 4, 4))
    program = jax.jit(lambda x: F.conv(x, kernel, algorithm="native"))

    def peak():
        for _ in range(3000):
            program(x)
        jax.block_until_ready(program(x))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    first = peak()
    assert peak() - first < 2048  # KiB: the highest use ever rises if something is kept


IN_A_CHILD = """
import os
import jax.numpy as jnp
from cnn_jax import functional as F
x, kernel = jnp.ones((2, 32, 32, 32)), jnp.ones((3, 3, 32, 32))
y = F.conv(x, kernel, algorithm="native")
print(float(y.sum()), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no taskset here")
def test_on_one_processor_alone():
    affinity = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"

    def printed(start):
        command = [sys.executable, "-c", start + IN_A_CHILD]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout

    texts = [printed(start) for start in ("", affinity)]
    assert texts[0] == texts[1] != ""


def test_in_loops_and_branches():
    x = jnp.arange(2 * 9 * 9 * 4, dtype=jnp.float32).reshape(2, 9, 9, 4) % 5
    kernel = jnp.arange(3 * 3 * 4 * 4, dtype=jnp.float32).reshape(3, 3, 4, 4) % 3 - 1

    def once(algorithm, x):
        return jnp.mod(F.conv(x, kernel, padding=1, algorithm=algorithm), 7)

    def everything(algorithm):
        step = jax.checkpoint(lambda x: once(algorithm, x))
        scanned, _ = jax.lax.scan(lambda x, _: (step(x), None), x, None, 5)
        looped = jax.lax.fori_loop(0, 3, lambda _, x: step(x), x)
        taken = jax.lax.cond(x.sum() > 0, step, lambda x: x, x)
        return scanned, looped, taken

    for ours, theirs in zip(jax.jit(everything, static_argnums=0)("native"), everything("xla")):
        np.testing.assert_array_equal(ours, theirs)
