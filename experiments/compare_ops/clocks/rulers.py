"""The best rates of this machine, which limit every layer: the two roofs of the roofline model.

Williams, Waterman and Patterson, *Roofline: an insightful visual performance model for multicore
architectures*, 2009.
"""

import statistics
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cnn_jax.algorithms.native import kernels
from experiments.compare_ops.clocks import timing

RUNS = 9


@dataclass(frozen=True)
class Rulers:
    """The best rates of this machine, measured in this run."""

    flops_per_second: float
    """Of a large float32 matrix product, at the precision that JAX takes by itself."""
    bytes_per_second: float
    """Bytes read plus bytes written, by `x + 1` of an array larger than any cache."""
    matrix: int
    """The number of rows, and of columns, of both factors of the product."""
    array_bytes: int
    peak_flops_per_second: float | None
    """Of multiply-adds of registers alone, by a kernel of ours; None where there are no kernels."""

    def __str__(self) -> str:
        peak = self.peak_flops_per_second
        texts = [
            f"multiply-adds in registers: {peak / 1e9:.0f} GFLOP/s" if peak else "",
            f"a product of matrices: {self.flops_per_second / 1e9:.0f} GFLOP/s",
            f"memory: {self.bytes_per_second / 1e9:.1f} GB/s",
        ]
        return ", ".join(filter(None, texts))


def measure(small: bool = False) -> Rulers:
    """Time a matrix product and `x + 1`, with `small` on small arrays, for a test."""
    on_cpu = jax.default_backend() == "cpu"
    size, length = (2048, 2**26) if on_cpu else (8192, 2**28)
    if small:
        size, length = 256, 2**16
    matrix = jax.random.normal(jax.random.key(0), (size, size))
    product = _median_seconds(lambda a: a @ a, matrix)
    copy = _median_seconds(lambda x: x + 1, jnp.zeros(length))
    return Rulers(2 * size**3 / product, 2 * 4 * length / copy, size, 4 * length, _peak())


def _peak() -> float | None:
    if jax.default_backend() != "cpu" or kernels.missing():
        return None
    from cnn_jax.algorithms.native.nests import peak

    called, operations = peak.program()
    return operations / _median_seconds(called, jnp.ones(1))


def _median_seconds(f, array: jax.Array) -> float:
    program = timing.compiled(f, array).call
    jax.block_until_ready(program(array))
    calls = timing.calls_per_run(timing.seconds_of(lambda: program(array)))
    return statistics.median(timing.seconds_of(lambda: program(array), calls) for _ in range(RUNS))
