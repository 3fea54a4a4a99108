"""Upsampling, one axis after another, and values at points: weighted sums of input pixels."""

import itertools
import math

import numpy as np

from ._reads import wide


def _coordinate(i, n, out, scale, align_corners):
    """Where output element i lies in the input, whose element j lies at j."""
    if align_corners:
        return i * (n - 1) / (out - 1) if out > 1 else 0.0
    return (2 * i + 1) / (2 * scale) - 0.5


def _cubic(distance, a=-0.75):
    """Keys 1981: the weight of a pixel at a distance."""
    d = abs(distance)
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((d - 5) * d + 8) * d * a - 4 * a if d < 2 else 0.0


def _weights(i, n, out, scale, method, align_corners):
    """The (input element, weight) of one output element; outside is a repeated edge."""
    if method == "nearest":
        return [(min(math.floor(i / scale), n - 1), 1)]
    if method == "linear" and out == n:  # a copy whatever the scale, as PyTorch
        return [(i, 1)]
    x = _coordinate(i, n, out, scale, align_corners)
    near = math.floor(x)
    if method == "linear":
        pairs = [(j, 1 - abs(x - j)) for j in (near, near + 1)]
    elif method == "cubic":
        pairs = [(j, _cubic(x - j)) for j in range(near - 1, near + 3)]
    else:
        raise ValueError(f"unknown method {method!r}")
    return [(min(max(j, 0), n - 1), weight) for j, weight in pairs if weight]


@np.errstate(invalid="ignore")
def upsample(x, scale, *, method="nearest", align_corners=False):
    """floor(n * scale) elements of each axis of n; a weight of zero is no element of the sum."""
    x = wide(x)
    if align_corners and method == "nearest":
        raise ValueError("nearest has no corners to align")
    batch = x.ndim - 1 - len(scale)
    if batch < 0:
        raise ValueError(f"scales {scale} of {x.shape}")
    for axis, factor in enumerate(scale, batch):
        n = x.shape[axis]
        out = math.floor(n * factor)
        if out < 1:
            raise ValueError(f"{out} elements from {n}")
        rows = []
        for i in range(out):
            pairs = _weights(i, n, out, factor, method, align_corners)
            rows.append(sum(x.take(j, axis) * weight for j, weight in pairs))
        x = np.stack(rows, axis)
    return x


def _mirrored(u, n, align_corners):
    """A place on the endless axis that two mirrors make, seen inside of them."""
    low, high = (0, n - 1) if align_corners else (-0.5, n - 0.5)
    while high > low and not low <= u <= high:
        u = 2 * low - u if u < low else 2 * high - u
    return min(max(u, low), high)


def _at(u, n, method, padding_mode, align_corners):
    """The (pixel, weight) of a point u of one axis; outside there are zeros, which are left out."""
    if method == "nearest":
        u = _mirrored(u, n, align_corners) if padding_mode == "reflect" else u
        pairs = [(round(u), 1)]
    elif method == "linear":
        pairs = [(j, 1 - abs(u - j)) for j in (math.floor(u), math.floor(u) + 1)]
    elif method == "cubic":
        pairs = [(j, _cubic(u - j)) for j in range(math.floor(u) - 1, math.floor(u) + 3)]
    else:
        raise ValueError(f"unknown method {method!r}")
    pairs = [(j, weight) for j, weight in pairs if weight]
    if padding_mode == "zeros":
        return [(j, weight) for j, weight in pairs if 0 <= j < n]
    if padding_mode == "circular":
        return [(j % n, weight) for j, weight in pairs]
    if padding_mode == "reflect":
        pairs = [(_mirrored(j, n, align_corners), weight) for j, weight in pairs]
    elif padding_mode != "replicate":
        raise ValueError(f"unknown padding mode {padding_mode!r}")
    return [(int(min(max(j, 0), n - 1)), weight) for j, weight in pairs]


def sample(
    x, points, *, method="linear", padding_mode="zeros", normalized=False, align_corners=False
):
    """Each feature map at each of its points (*batch, *positions, rank)."""
    x, points = wide(x), np.float64(points)
    rank = points.shape[-1]
    spatial, batch = x.shape[x.ndim - 1 - rank : -1], x.shape[: x.ndim - 1 - rank]
    if points.shape[: len(batch)] != batch:
        raise ValueError(f"points {points.shape} of {x.shape}")
    y = np.zeros((*points.shape[:-1], x.shape[-1]), x.dtype)
    for place in np.ndindex(points.shape[:-1]):
        axes = []
        for u, n in zip(points[place], spatial):
            if normalized:
                u = (u + 1) / 2 * (n - 1) if align_corners else (u + 1) / 2 * n - 0.5
            axes.append(_at(u, n, method, padding_mode, align_corners))
        for taps in itertools.product(*axes):
            pixel = x[(*place[: len(batch)], *(j for j, _ in taps))]
            y[place] += pixel * math.prod(weight for _, weight in taps)
    return y
