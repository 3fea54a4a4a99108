"""The same bits on any number of threads, whenever they start; and many calls at once."""

import concurrent.futures
import os
import subprocess
import sys
import threading
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from cnn_jax.algorithms.native.llvm.machine import host
from cnn_jax.algorithms.native.nests import (
    dense_kernel_grad_plan,
    dense_plan,
    depthwise,
    depthwise_kernel_grad,
)
from cnn_jax.geometry import Window

from . import frames

SAME = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1))
X, KERNEL, DEPTHWISE = (4, 17, 19, 24), (3, 3, 24, 40), (3, 3, 1, 24)
G, FEW = (4, 17, 19, 40), (3, 3, 24, 3)
PLANS = {
    "output": lambda: (dense_plan.plan(host(), X, KERNEL, SAME, 1, "float32"), (X, KERNEL), G),
    "few outputs": lambda: (
        dense_plan.plan(host(), X, FEW, SAME, 1, "float32"), (X, FEW), (4, 17, 19, 3),
    ),
    "kernel gradient": lambda: (
        dense_kernel_grad_plan.plan(host(), X, G, SAME, 1, "float32"), (X, G), KERNEL,
    ),
    "depthwise": lambda: (
        depthwise.plan(host(), X, DEPTHWISE, SAME, 24, "float32"), (X, DEPTHWISE), X,
    ),
    "depthwise kernel gradient": lambda: (
        depthwise_kernel_grad.plan(host(), X, X, SAME, 24, "float32"), (X, X), DEPTHWISE,
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


def by_the_caller(tasks):
    """A pool without threads: a task is done when it is scheduled."""

    def schedule(task):
        tasks.append(threading.Thread(target=task))
        tasks[-1].start()
        tasks[-1].join()

    return schedule


def full(tasks):
    """A pool that takes one task, and refuses the next."""
    return lambda task: not tasks and tasks.append(threading.Thread(target=task)) is None


def no_pool(tasks):
    return lambda task: False


@pytest.mark.parametrize("pool", [at_once, by_the_caller, given_up, full, no_pool])
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
    assert len(tasks) == {no_pool: 0, full: 1}.get(pool, plan.threads - 1)
    np.testing.assert_array_equal(alone.view(np.int32), together.view(np.int32))


def test_calls_from_many_threads_at_once():
    x, kernel = jnp.ones((2, 12, 12, 8)), jnp.ones((3, 3, 8, 16))
    program = jax.jit(lambda x: F.conv(x, kernel, padding=1, algorithm="native"))
    expected = np.asarray(program(x))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # none waits for its result
        results = [*pool.map(lambda i: program(x * (i % 50)), range(1000))]
    for i, y in enumerate(results):
        np.testing.assert_array_equal(y, i % 50 * expected)


def resident():
    """Bytes of memory in use."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGESIZE")


LEAKING = int(os.environ.get("CNN_JAX_CALLS", "100000"))


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="it says what is in use")
@pytest.mark.parametrize("accepted", [0, 1, 3])
def test_calls_keep_no_memory(accepted, monkeypatch):
    """A job, of 104 bytes or more, is freed by its last user, whether the pool took its tasks."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    x, k = (1, 4, 4, 8), (3, 3, 8, 8)
    kernel, plan = dense_plan.plan(host(), x, k, SAME, 1, "float32", exchanged=True)
    plan, taken = replace(plan, work=10**6), []
    assert plan.threads == 4

    def schedule(task):
        if len(taken) == accepted:
            return False
        taken.append(None)
        task()
        return True

    arrays = [np.ones(shape, np.float32) for shape in (x, k)]
    run, _ = frames.prepared(kernel, plan, arrays, [(x, np.float32)], schedule=schedule)

    def growth(calls):
        before = resident()
        for _ in range(calls):
            taken.clear()
            assert not run()
            assert len(taken) == accepted
        return resident() - before

    growth(1000)
    assert growth(LEAKING) < LEAKING * 104 // 2


BITS = """
import hashlib, os
os.cpu_count = lambda: 8  # the helpers that a kernel asks for
import jax
import numpy as np
from cnn_jax import functional as F
random = np.random.default_rng(0)
x, kernel, pooled = (
    random.standard_normal(shape, np.float32)
    for shape in ((4, 20, 21, 32), (3, 3, 32, 48), (4, 20, 21, 32))
)

def everything(x, kernel, pooled):
    y, pull = jax.vjp(lambda *a: F.conv(*a, padding=1, algorithm="native"), x, kernel)
    z, back = jax.vjp(lambda x: F.max_pool(x, (3, 3), stride=1, algorithm="native"), pooled)
    return y, *pull(y), z, *back(z)

digest = hashlib.sha256()
for result in jax.jit(everything)(x, kernel, pooled):
    digest.update(np.asarray(result).tobytes())
print(digest.hexdigest())
"""


def printed(program, **environment):
    environment = {**os.environ, "XLA_FLAGS": "", **environment}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_the_bits_do_not_depend_on_the_threads_of_xla():
    """XLA's pool has as many threads as NPROC says, or as there are processors."""
    results = {printed(BITS, NPROC=str(threads)) for threads in (1, 2, 8)}
    if hasattr(os, "sched_setaffinity"):  # as taskset does
        one = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        results.add(printed(one + BITS))
    assert len(results) == 1


IN_A_FORK = """
import os, signal, threading
import numpy as np
from tests.algorithms.native import frames
from tests.algorithms.native.test_threads import PLANS
(kernel, plan), given, shape = PLANS["output"]()
arrays = [np.random.default_rng(0).standard_normal(shape, np.float32) for shape in given]

def schedule(task):  # a queue that another thread of the parent empties
    return parents and threading.Thread(target=task).start() is None or not parents

def compute():
    return frames.calls(kernel, plan, arrays, [(shape, np.float32)], schedule=schedule)[0]

parents = True
expected = compute()
process = os.fork()
parents = process != 0
if not parents:
    signal.alarm(60)  # it may not wait for ever
    os._exit(0 if (compute() == expected).all() else 1)
assert os.waitpid(process, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_works():
    """It has none of its parent's threads, and no kernel waits for one: what it scheduled stays.

    The kernels are called as XLA calls them: in a child XLA itself waits for ever, even for x + 1.
    """
    printed(IN_A_FORK, PYTHONWARNINGS="ignore")


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
