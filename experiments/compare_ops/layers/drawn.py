"""Layers drawn at random: `drawn`, so that more is compared than the networks that we know.

Each has the features that make one implementation leave its fast path: feature maps from 1x1 to
224, windows larger than the map, strides, dilations, padding that differs from end to end, groups
of any width, channels that are multiples of nothing. Their work is limited, so that the built-in
takes some tens of milliseconds at most where it has a fast path.
"""

import math
from collections.abc import Callable

import numpy as np

from experiments.compare_ops.layers.layer import Layer

KINDS = ("dense", "dense", "dense", "depthwise", "grouped", "max_pool", "avg_pool", "dense")
NETWORK = "drawn"
# The built-in reaches about 100 GFLOP/s where it is fast, and 2 where it is not; for depthwise and
# grouped layers 1, and it multiplies their kernel gradients by the number of groups.
LEAST_FLOPS, MOST_FLOPS = 4e6, 6e8
LEAST_GROUPED_FLOPS, MOST_GROUPED_FLOPS, MOST_GROUPED_PRODUCTS = 1e6, 2e7, 2e9
LEAST_POOLED, MOST_ELEMENTS = 2e5, 8e6
TAPS = {1: 0.15, 2: 0.1, 3: 0.4, 4: 0.05, 5: 0.15, 7: 0.1, 11: 0.05}
STRIDES = {1: 0.6, 2: 0.3, 3: 0.05, 4: 0.05}
DILATIONS = {1: 0.8, 2: 0.1, 3: 0.05, 5: 0.05}
RANKS = {1: 0.15, 2: 0.7, 3: 0.15}
LARGEST_MAP, MOST_CHANNELS, MOST_IMAGES = 224, 2048, 32


def drawn(count: int, seed: int) -> list[Layer]:
    """Draw `count` layers, convolutions of every kind and pools in turn; the same for each seed."""
    rng = np.random.default_rng(seed)
    return [_one(rng, KINDS[i % len(KINDS)], str(i)) for i in range(count)]


def _one(rng: np.random.Generator, kind: str, number: str) -> Layer:
    """Draw until a layer is possible, and neither too small nor too large."""
    while True:
        layer = _any(rng, kind, number)
        if _is_possible(layer) and _has_the_right_size(layer):
            return layer


def _any(rng: np.random.Generator, kind: str, number: str) -> Layer:
    """Draw a layer, which may be impossible."""
    rank = _pick(rng, RANKS)
    spatial = _alike(rng, rank, lambda: _log_uniform(rng, 1, LARGEST_MAP))
    size = _alike(rng, rank, lambda: _pick(rng, TAPS))
    stride = _alike(rng, rank, lambda: _pick(rng, STRIDES))
    dilation = _alike(rng, rank, lambda: _pick(rng, DILATIONS))
    images = _log_uniform(rng, 1, MOST_IMAGES)
    if kind in ("max_pool", "avg_pool"):
        channels, kernel, groups = _channels(rng), None, 1
        dilation = (1,) * rank  # lax cannot differentiate the others
        stride = size if rng.random() < 0.5 else stride
    else:
        groups, width, outputs = _groups(rng, kind)
        channels, kernel = groups * width, (*size, width, groups * outputs)
    padding = _padding(rng, size, dilation)
    text = "x".join(map(str, size))
    name = f"{number} {kind.replace('_', ' ')} {text}"
    operation = kind if kernel is None else "conv"
    x = (images, *spatial, channels)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Layer(NETWORK, name, operation, x, size, kernel, **options)


def _alike(rng: np.random.Generator, rank: int, draw: Callable[[], int]) -> tuple[int, ...]:
    """The same number for each axis, or one time in five a number for each."""
    if rng.random() < 0.2:
        return tuple(draw() for _ in range(rank))
    return (draw(),) * rank


def _pick(rng: np.random.Generator, chances: dict[int, float]) -> int:
    """One of the numbers, by their chances."""
    return int(rng.choice(list(chances), p=list(chances.values())))


def _log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    """Each doubling between the ends, both included, is as likely as another."""
    return min(int(math.exp(rng.uniform(math.log(low), math.log(high + 1)))), high)


def _channels(rng: np.random.Generator) -> int:
    """Half of them round numbers, as in networks: 2^n, and 3 or 1; the others any."""
    if rng.random() < 0.5:
        return int(rng.choice([1, 3, *(2**n for n in range(3, 12))]))
    return _log_uniform(rng, 1, MOST_CHANNELS)


def _groups(rng: np.random.Generator, kind: str) -> tuple[int, int, int]:
    """Groups, and the input and output channels of one."""
    if kind == "dense":
        return 1, _channels(rng), _channels(rng)
    if kind == "depthwise":
        return max(_channels(rng), 2), 1, int(rng.choice([1, 1, 1, 2, 3]))
    groups, width = _log_uniform(rng, 2, 64), _log_uniform(rng, 2, 64)
    return groups, width, width if rng.random() < 0.5 else _log_uniform(rng, 1, 64)


def _padding(rng: np.random.Generator, size: tuple[int, ...], dilation: tuple[int, ...]):
    """None, as much as keeps the size, or any pair for each axis."""
    which = rng.choice(["SAME", "VALID", "pairs"], p=[0.6, 0.2, 0.2])
    if which != "pairs":
        return str(which)
    most = [(k - 1) * d for k, d in zip(size, dilation)]
    return tuple((int(rng.integers(0, m + 1)), int(rng.integers(0, m + 1))) for m in most)


def _is_possible(layer: Layer) -> bool:
    """Whether the window fits into the padded input."""
    if layer.padding == "SAME":
        return True
    pads = ((0, 0),) * len(layer.size) if layer.padding == "VALID" else layer.padding
    return all(
        n + low + high >= (k - 1) * d + 1
        for n, (low, high), k, d in zip(layer.x[1:-1], pads, layer.size, layer.dilation)
    )


def _has_the_right_size(layer: Layer) -> bool:
    """Whether the layer's work and its arrays are within the limits above."""
    elements = sum(map(math.prod, layer.shapes()))
    if elements > MOST_ELEMENTS or max(layer.x[-1], layer.y[-1]) > MOST_CHANNELS:
        return False
    if layer.kernel is None:
        return math.prod(layer.size) > 1 and elements >= LEAST_POOLED and layer.flops <= MOST_FLOPS
    if layer.groups == 1:
        return LEAST_FLOPS <= layer.flops <= MOST_FLOPS
    products = layer.flops * layer.groups
    within = LEAST_GROUPED_FLOPS <= layer.flops <= MOST_GROUPED_FLOPS
    return within and products <= MOST_GROUPED_PRODUCTS
