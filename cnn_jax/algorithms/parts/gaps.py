"""A convolution of an input with zeros between its elements, without touching the zeros."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from math import gcd

import jax
import jax.numpy as jnp

from cnn_jax import geometry
from cnn_jax.geometry import Pair, Window

from .taps import crop, interleaved


@dataclass(frozen=True)
class _Phase:
    """The positions of one remainder modulo b on an axis: the convolution that computes them."""

    taps: tuple[int, int]  # the first tap and the step to the next
    number: int  # of taps
    dilation: int
    padding: Pair


def in_phases(output: Callable) -> Callable:
    """Make `output` handle base dilations without zeros, unless the window has strides too.

    With base dilation b, as in the transpose of a convolution with stride b, b - 1 zeros lie
    between the elements of the input. At each position only some taps meet elements; which ones
    depends on the position's remainder r modulo b. So the outputs of one remainder, a phase, are an
    ordinary convolution of the input with those taps, t_r, t_r + u, ..., and the phases are
    interleaved:

        y[b*q + r] = sum over m of x[q + offset_r + m*d_r] * kernel[t_r + m*u]

    With stride 2 on two axes that is a quarter of the multiplications.

    References:
        Shi et al., *Is the deconvolution layer the same as a convolutional layer?*, 2016,
        arXiv:1609.07009.
    """

    def phased(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
        steps, spatial = window.base_dilation, x.shape[1:-1]
        both = any(b > 1 and s > 1 for b, s in zip(steps, window.stride))
        if both or all(b == 1 for b in steps):
            return output(x, kernel, window, groups)
        positions = window.output_size(spatial)
        lengths = tuple(-(-p // b) for p, b in zip(positions, steps))
        axes = (_phases(window, spatial, positions, axis) for axis in range(window.rank))
        phases = product(*axes)
        parts = [_one(output, x, kernel, window, groups, phase, lengths) for phase in phases]
        return interleaved(jnp.stack(parts).reshape(*steps, *parts[0].shape), positions)

    return phased


def _phases(
    window: Window, spatial: tuple[int, ...], positions: tuple[int, ...], axis: int
) -> list[_Phase]:
    """The phases of one axis, by the remainder of the position modulo its base dilation b."""
    b, d, taps = window.base_dilation[axis], window.dilation[axis], window.size[axis]
    low, _ = window.padding[axis]
    if b == 1:
        return [_Phase((0, 1), taps, d, window.padding[axis])]
    step, length = b // gcd(b, d), -(-positions[axis] // b)
    phases = []
    for remainder in range(b):
        meeting = [t for t in range(taps) if (remainder + t * d - low) % b == 0]
        first, number, dilation = min(meeting, default=0), len(meeting), step * d // b
        before = (low - remainder - first * d) // b
        after = length + (number - 1) * dilation - spatial[axis] - before
        phases.append(_Phase((first, step), number, dilation, (before, after)))
    return phases


def _one(output, x, kernel, window, groups, phase: tuple[_Phase, ...], lengths) -> jax.Array:
    """The outputs of one phase of each axis, (n, *lengths, o), by `output`."""
    if not all(axis.number for axis in phase):
        return jnp.zeros((len(x), *lengths, kernel.shape[-1]), x.dtype)
    chosen = tuple(slice(axis.taps[0], None, axis.taps[1]) for axis in phase)
    stride_one = replace(
        window,
        size=tuple(axis.number for axis in phase),
        padding=tuple(axis.padding for axis in phase),
        dilation=tuple(axis.dilation for axis in phase),
        base_dilation=(1,) * window.rank,
    )
    drops, exact = geometry.fit(stride_one, x.shape[1:-1])
    return output(crop(x, drops), kernel[chosen], exact, groups)
