"""Layers in NumPy: each is its formula. Arrays are (batch, *spatial, channels)."""

import itertools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def windows(x, size, stride, padding=0, dilation=1, fill=0.0):
    """The windows of x: (batch, *positions, channels, *size). `padding` is pairs, or one number."""
    rank = len(size)
    pairs = [(padding, padding)] * rank if isinstance(padding, int) else list(padding)
    x = np.pad(x, [(0, 0), *pairs, (0, 0)], constant_values=fill)
    spans = tuple((k - 1) * dilation + 1 for k in size)
    view = sliding_window_view(x, spans, axis=tuple(range(1, rank + 1)))
    view = view[(slice(None), *[slice(None, None, stride)] * rank)]
    return view[(..., *[slice(None, None, dilation)] * rank)]


def conv(p, name, x, stride=1, padding=0, dilation=1, groups=1):
    """y[n, p, o] = bias[o] + sum over taps t, channels c of x[n, p * stride + t, c] k[t, c, o]."""
    kernel, bias = p[f"{name}.kernel"], p.get(f"{name}.bias", 0.0)
    *size, inputs, outputs = kernel.shape
    taps = windows(x, tuple(size), stride, padding, dilation)
    rank = len(size)
    made = []
    for group in range(groups):
        mine = taps[(slice(None),) * (rank + 1) + (slice(group * inputs, (group + 1) * inputs),)]
        own = kernel[..., group * (outputs // groups) : (group + 1) * (outputs // groups)]
        axes = [rank + 1, *range(rank + 2, 2 * rank + 2)], [rank, *range(rank)]
        made.append(np.tensordot(mine, own, axes))
    return np.concatenate(made, -1) + bias


def up(p, name, y, stride, padding, size):
    """The transpose of `conv`: each position of y adds its taps to x[p * stride + t - padding]."""
    kernel, bias = p[f"{name}.kernel"], p.get(f"{name}.bias", 0.0)
    high, wide, outputs, _ = kernel.shape
    _, rows, columns, _ = y.shape
    room = max(rows, columns) * stride + max(high, wide) + padding + size
    x = np.zeros((len(y), room, room, outputs))
    for i, j, s, t in itertools.product(range(rows), range(columns), range(high), range(wide)):
        x[:, i * stride + s, j * stride + t] += y[:, i, j] @ kernel[s, t].T
    return x[:, padding : padding + size, padding : padding + size] + bias


def batch_norm(p, name, x, epsilon=1e-5):
    """(x - mean) / sqrt(var + epsilon) * scale + bias, with the running statistics."""
    mean, var, scale, bias = (p[f"{name}.{leaf}"] for leaf in ("mean", "var", "scale", "bias"))
    return (x - mean) / np.sqrt(var + epsilon) * scale + bias


def layer_norm(p, name, x, epsilon=1e-6):
    """The same with mean and variance over the channels of each position."""
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + epsilon) * p[f"{name}.scale"] + p[f"{name}.bias"]


def dense(p, name, x):
    """x W + b."""
    return x @ p[f"{name}.kernel"] + p.get(f"{name}.bias", 0.0)


def conv_norm(p, name, x, stride=1, padding=0, dilation=1, groups=1, epsilon=1e-5):
    """A convolution and its batch normalization, if there is one; no activation."""
    y = conv(p, f"{name}.conv", x, stride, padding, dilation, groups)
    return batch_norm(p, f"{name}.norm", y, epsilon) if f"{name}.norm.mean" in p else y


def max_pool(x, size, stride, padding=0):
    """The largest of each window."""
    axes = tuple(range(-len(size), 0))
    return windows(x, size, stride, padding, fill=-np.inf).max(axes)


def max_pool_rounding_up(x, window, stride=2):
    """The last window may reach over the end, if it starts inside."""
    pairs = []
    for n in x.shape[1:-1]:
        count = math.ceil((n - window) / stride) + 1
        pairs.append((0, max(0, (count - 1) * stride + window - n)))
    return max_pool(x, (window,) * len(pairs), stride, pairs)


def adaptive_mean(x, size):
    """Means of size x size windows, from floor(i n / size) up to ceil((i + 1) n / size)."""
    _, height, width, channels = x.shape
    y = np.zeros((len(x), size, size, channels))
    for i, j in itertools.product(range(size), repeat=2):
        rows = slice(i * height // size, -(-(i + 1) * height // size))
        columns = slice(j * width // size, -(-(j + 1) * width // size))
        y[:, i, j] = x[:, rows, columns].mean((1, 2))
    return y


def mean(x):
    """The mean of each map."""
    return x.mean(tuple(range(1, x.ndim - 1)))


def flat(x):
    """All numbers of an image in a row."""
    return x.reshape(len(x), -1)


def relu(x):
    return np.maximum(x, 0)


def relu6(x):
    return np.clip(x, 0, 6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def swish(x):
    return x * sigmoid(x)


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
