"""Elements moved, and sums of what meets: patches, blocks of pixels, padding."""

import math

import numpy as np

from ._reads import at, reads_of, source, wide


def unfold(x, window, **options):
    """The patches, (*batch, *positions, taps, channels): the taps row-major, zeros as padding."""
    x = wide(x)
    batch = x.ndim - 1 - len(window)
    out, reads = reads_of(x.shape[batch:-1], window, **options)
    taps = list(np.ndindex(tuple(window)))
    patches = np.zeros((*x.shape[:batch], *out, len(taps), x.shape[-1]), x.dtype)
    for p, t, i in reads:
        patches[at((*p, taps.index(t)))] = x[at(i)]
    return patches


@np.errstate(invalid="ignore")
def fold(patches, spatial, window, **options):
    """The sum of all the patches that hold an element: what is adjoint to unfold."""
    patches, rank = wide(patches), len(spatial)
    out, reads = reads_of(spatial, window, **options)
    taps = list(np.ndindex(tuple(window)))
    batch = patches.shape[: patches.ndim - 2 - rank]
    if patches.shape[len(batch) : -1] != (*out, len(taps)):
        raise ValueError(f"{patches.shape}: patches of {window}, {out} positions on {spatial}")
    x = np.zeros((*batch, *spatial, patches.shape[-1]), patches.dtype)
    for p, t, i in reads:
        x[at(i)] += patches[at((*p, taps.index(t)))]
    return x


def _channel(offset, block, c, channels, order):
    """Which channel holds channel c (of so many) of the pixel at an offset in its block."""
    number = int(np.ravel_multi_index(offset, block)) if block else 0
    if order not in ("DCR", "CRD"):
        raise ValueError(f"unknown order {order!r}")
    return number * channels + c if order == "DCR" else c * math.prod(block) + number


def depth_to_space(x, block, *, order="DCR"):
    """Channels become blocks of pixels; (block..., channels) with DCR, (channels, block...) CRD."""
    x, rank = wide(x), len(block)
    batch, spatial = x.shape[: x.ndim - 1 - rank], x.shape[x.ndim - 1 - rank : -1]
    channels, remainder = divmod(x.shape[-1], math.prod(block))
    if len(spatial) != rank or remainder:
        raise ValueError(f"blocks of {block} from {x.shape}")
    y = np.zeros((*batch, *(n * b for n, b in zip(spatial, block)), channels), x.dtype)
    for i in np.ndindex(spatial):
        for offset in np.ndindex(tuple(block)):
            place = [e * b + o for e, b, o in zip(i, block, offset)]
            for c in range(channels):
                y[at(place, c)] = x[at(i, _channel(offset, tuple(block), c, channels, order))]
    return y


def space_to_depth(x, block, *, order="DCR"):
    """Blocks of pixels become channels, in the same order."""
    x, rank = wide(x), len(block)
    batch, spatial = x.shape[: x.ndim - 1 - rank], x.shape[x.ndim - 1 - rank : -1]
    if len(spatial) != rank or any(n % b for n, b in zip(spatial, block)):
        raise ValueError(f"blocks of {block} of {x.shape}")
    sizes = tuple(n // b for n, b in zip(spatial, block))
    channels = x.shape[-1]
    y = np.zeros((*batch, *sizes, channels * math.prod(block)), x.dtype)
    for i in np.ndindex(sizes):
        for offset in np.ndindex(tuple(block)):
            place = [e * b + o for e, b, o in zip(i, block, offset)]
            for c in range(channels):
                y[at(i, _channel(offset, tuple(block), c, channels, order))] = x[at(place, c)]
    return y


def pad(x, padding, *, padding_mode="zeros", value=0):
    """The input extended by (low, high) elements on each spatial axis; cropped by negative ones."""
    x, mode = wide(x), padding_mode.lower()
    if value and mode != "zeros":
        raise ValueError(f"the value {value} in mode {mode}")
    pairs = [(entry, entry) if isinstance(entry, int) else entry for entry in padding]
    batch = x.ndim - 1 - len(pairs)
    if batch < 0:
        raise ValueError(f"{padding} around {x.shape}")
    spatial = x.shape[batch:-1]
    sizes = tuple(low + n + high for n, (low, high) in zip(spatial, pairs))
    if min(sizes, default=0) < 0 or (mode != "zeros" and 0 in spatial):
        raise ValueError(f"{padding} around {x.shape} in mode {mode}")
    y = np.full((*x.shape[:batch], *sizes, x.shape[-1]), value, x.dtype)
    for place in np.ndindex(sizes):
        i = [source(e - low, n, mode) for e, n, (low, _) in zip(place, spatial, pairs)]
        if None not in i:
            y[at(place)] = x[at(i)]
    return y
