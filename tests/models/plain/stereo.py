"""The table of `cnn_jax.models.stereo`, after Kendall et al. 2017, section 3."""

import numpy as np

from cnn_jax import models

from ._layers import conv, conv_norm, relu, windows

SIZE = (2, 16, 24, 3)
OPTIONS = [{}, {"norm": "none"}]
LAST, HEAD = "disparity", ()


def small(*, dtype=None, rngs, **options):
    return models.stereo(max_disparity=16, width=2, dtype=dtype, rngs=rngs, **options)


def transposed(p, name, x):
    """Each element adds its 4 x 4 x 4 kernel at twice its place; 1 is cut off at each end."""
    kernel, bias = p[f"{name}.kernel"], p[f"{name}.bias"]  # (4, 4, 4, out, in)
    n, *size, _ = x.shape
    y = np.zeros((n, *(2 * k + 2 for k in size), kernel.shape[-2]))
    for i, j, k in np.ndindex(4, 4, 4):
        places = tuple(slice(t, t + 2 * length, 2) for t, length in zip((i, j, k), size))
        y[(slice(None), *places)] += x @ kernel[i, j, k].T
    return y[:, 1:-1, 1:-1, 1:-1] + bias


def dilated(p, name, x):
    """A 3 x 3 convolution with a gap of 1 between its taps."""
    taps = windows(x, (3, 3), 1, 2, dilation=2)
    return np.einsum("nhwcij,ijco->nhwo", taps, p[f"{name}.kernel"]) + p[f"{name}.bias"]


def enlarged(x):
    """Twice the size, linearly: 3/4 of the nearest element and 1/4 of the next."""
    for axis in (1, 2):
        n = x.shape[axis]
        places = (np.arange(2 * n) + 0.5) / 2 - 0.5
        low = np.floor(places).astype(int)
        share = (places - low).reshape((-1, 1) if axis == 1 else (-1,))
        below, above = (np.take(x, np.clip(low + k, 0, n - 1), axis) for k in (0, 1))
        x = (1 - share) * below + share * above
    return x


def forward(p, x, **_):
    def both(name, views, stride=1, padding=1):
        made = [relu(conv_norm(p, name, views[:, k], stride, padding)) for k in (0, 1)]
        return np.stack(made, 1)

    def cube(name, y, stride=1):
        return relu(conv_norm(p, name, y, stride, 1))

    maps = {"conv1": both("conv1", x, 2, 2)}
    maps["conv2"] = both("conv2", maps["conv1"])
    maps["conv3"] = both("conv3", maps["conv2"]) + maps["conv1"]
    maps["features"] = np.stack([conv(p, "features", maps["conv3"][:, k], 1, 1) for k in (0, 1)], 1)
    left, right = maps["features"][:, 0], maps["features"][:, 1]
    n, height, width, _ = left.shape
    maps["volume"] = np.zeros((n, 8, height, width, 4))
    for d in range(8):
        for column in range(d, width):
            product = left[:, :, column] * right[:, :, column - d]
            maps["volume"][:, d, :, column] = product.reshape(n, height, 4, 2).mean(-1)
    maps["match"] = cube("match", maps["volume"])
    maps["down1"] = cube("down1", maps["match"], 2)
    maps["down2"] = cube("down2", maps["down1"], 2)
    maps["deep"] = cube("deep", maps["down2"])
    maps["up2"] = relu(transposed(p, "up2", maps["deep"]) + maps["down1"])
    maps["up1"] = relu(transposed(p, "up1", maps["up2"]) + maps["match"])
    maps["scores"] = conv(p, "scores", maps["up1"], 1, 1)[..., 0]
    weights = np.exp(maps["scores"])
    weights = weights / weights.sum(1, keepdims=True)
    maps["coarse"] = coarse = sum(d * weights[:, d] for d in range(8))
    y = np.concatenate([left, coarse[..., None] / 8], -1)
    maps["refine1"] = relu(conv(p, "refine1", y, 1, 1))
    maps["refine2"] = relu(dilated(p, "refine2", maps["refine1"]))
    maps["refine3"] = relu(conv(p, "refine3", maps["refine2"], 1, 1))
    four = conv(p, "disparity", maps["refine3"], 1, 1)
    disparity = enlarged(2 * coarse)
    for row, column in np.ndindex(2, 2):
        disparity[:, row::2, column::2] += four[..., 2 * row + column]
    maps["disparity"] = disparity
    return maps
