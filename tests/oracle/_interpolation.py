"""Upsampling: every output pixel is a weighted sum of input pixels, one axis after another."""

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
