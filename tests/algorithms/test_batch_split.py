"""A batch that is split over devices stays split, under plain `jax.jit`, in every algorithm.

Each device computes its own images. Only the gradient with respect to the kernel is a sum over all
images, for which the devices speak with each other, once.
"""

import re
from functools import partial

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cnn_jax import functional as F
from cnn_jax.algorithms import ALGORITHMS, im2col, winograd
from tests.collectives import collectives
from tests.compilation import jit

SIDES = ("output", "input_grad", "kernel_grad")
CONVS = {  # x, kernel
    2: ((8, 6, 6, 8), (3, 3, 8, 8)),
    3: ((8, 6, 6, 6, 8), (3, 3, 3, 8, 8)),
}
# XLA transforms whole batches only, up to jaxlib 0.10.
GATHERING = {"fft"} if jax.__version_info__ < (0, 11) else set()
RANKS = {"planes": (3,), "toeplitz": (2,)}
CASES = [
    (name, rank)
    for name in ("auto", *(name for name, a in ALGORITHMS.items() if a.output))
    for rank in RANKS.get(name, (2, 3))
]


def compute(side, algorithm, rank, x, kernel, g):
    conv = partial(F.conv, padding="SAME", algorithm=algorithm)
    if side == "output":
        return conv(x, kernel)
    position = ("input_grad", "kernel_grad").index(side)
    return jax.vjp(conv, x, kernel)[1](g)[position]


@pytest.fixture
def small_blocks(monkeypatch):
    """Loops of several steps over the images of small arrays."""
    for algorithm in (im2col, winograd):
        monkeypatch.setattr(algorithm, "BLOCK_BYTES", 2**13)
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("devices", [4, 8])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("algorithm", "rank"), CASES)
def test_no_images_are_sent(algorithm, rank, side, devices):
    random, (x, kernel) = np.random.default_rng(0), CONVS[rank]
    x, kernel, g = (
        random.integers(-2, 3, shape).astype(np.float32)
        for shape in (x, kernel, (*x[:-1], kernel[-1]))
    )
    function = partial(compute, side, algorithm, rank)
    exact = function(x, kernel, g)
    mesh = Mesh(np.array(jax.devices()[:devices]), ("data",))
    split, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
    arrays = jax.device_put((x, kernel, g), (split, whole, split))
    program = jit(function).lower(*arrays).compile()
    result, sent = program(*arrays), collectives(program)
    np.testing.assert_allclose(result, exact, atol=1e-4 * float(np.abs(exact).max()))
    if algorithm in GATHERING:
        assert sent["all-gather"]
        return
    of_kernel = side == "kernel_grad"
    # Of volumes, `planes` computes the gradient of one plane of the kernel after the other.
    assert sent == {"all-reduce": 3 if algorithm == "planes" else 1} if of_kernel else not sent
    assert result.sharding.is_equivalent_to(whole if of_kernel else split, result.ndim)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
def test_inside_of_shard_map_a_device_takes_its_own_blocks(algorithm, monkeypatch):
    """As many at a time as on one device: its images are not split any further."""
    x, kernel = (np.ones(shape, np.float32) for shape in CONVS[2])
    mesh = Mesh(np.array(jax.devices()[:2]), ("data",))
    conv = partial(F.conv, padding="SAME", algorithm=algorithm)
    mapped = jax.shard_map(conv, mesh=mesh, in_specs=(P("data"), P()), out_specs=P("data"))
    np.testing.assert_allclose(jit(mapped)(x, kernel), conv(x, kernel), rtol=1e-5)
    steps = _steps(jax.make_jaxpr(mapped)(x, kernel))
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert steps
    assert steps == _steps(jax.make_jaxpr(conv)(x[:4], kernel))


def _steps(jaxpr):
    """The lengths of all loops."""
    return [int(length) for length in re.findall(r"\blength=(\d+)", str(jaxpr))]
