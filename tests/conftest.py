"""Strict JAX for every test: no silent promotion of dtype or rank; eight CPU devices.

`pytest --part 2/3` runs the second of every three cases of each test. The checks of a change take
one such part by its hash, and other versions try smaller ones: most faults show in several cases.
All tests that are marked as `alike` count as cases of one test.

`pytest --slow` runs those tests that compile for a minute or more, and that are otherwise skipped;
with `--part 2/6` every sixth of them.
"""

import atexit
import collections
import os
import shutil
import tempfile
from pathlib import Path

# Before jax is first imported: the sharding tests want several devices on one machine.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
# Nobody's own measurements decide what is tested; the workers of a run share compiled kernels.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["CNN_JAX_CACHE"] = tempfile.mkdtemp(prefix="cnn_jax-tests-")
    atexit.register(shutil.rmtree, os.environ["CNN_JAX_CACHE"], ignore_errors=True)

import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_addoption(parser):
    parser.addoption("--part", metavar="K/N", help="only the Kth of every N cases of each test")
    parser.addoption("--slow", action="store_true", help="only the slow tests, otherwise skipped")


def pytest_collection_modifyitems(config, items):
    only_slow, part = config.getoption("slow"), config.getoption("part")
    tests = collections.defaultdict(list)
    for item in items:
        is_slow = "slow" in item.keywords
        if only_slow and is_slow:
            tests["all slow ones"].append(item)
        elif not only_slow:
            name = "alike" if "alike" in item.keywords else item.nodeid.partition("[")[0]
            tests[name].append(item)
            if is_slow:
                item.add_marker(pytest.mark.skip(reason="slow: with --slow"))
    first, step = map(int, part.split("/")) if part else (1, 1)
    kept = {
        id(case) for cases in tests.values() for case in cases[(first - 1) % len(cases) :: step]
    }
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = [item for item in items if id(item) in kept]


@pytest.fixture(scope="module", autouse=True)
def compiled_programs_do_not_fill_the_memory():
    """JAX keeps every program: 12,000 tests would need more than most machines have."""
    yield
    pages = Path("/proc/self/statm")  # of Linux: all pages, and those in memory
    used = int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0
    if used > 3 * 2**30:
        jax.clear_caches()
