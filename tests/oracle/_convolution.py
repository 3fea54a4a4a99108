"""Convolution, its two gradients, and depthwise, separable and unshared convolution."""

import numpy as np

from ._reads import at, reads_of, wide


def conv_plan(
    x, kernel, *, stride=1, padding="VALID", padding_mode="zeros", dilation=1, input_dilation=1,
    groups=1,
):  # fmt: skip
    """The output's shape, the reads, and the input and output channels of each group."""
    *window, width, out_channels = kernel.shape
    batch = x.ndim - 1 - len(window)
    if batch < 0 or x.shape[-1] != width * groups or out_channels % groups:
        raise ValueError(f"{groups} groups of {x.shape} by {kernel.shape}")
    spatial, reads = reads_of(
        x.shape[batch:-1], window, padding=padding, mode=padding_mode, stride=stride,
        dilation=dilation, input_dilation=input_dilation,
    )  # fmt: skip
    each = out_channels // groups
    channels = [
        (slice(j * width, (j + 1) * width), slice(j * each, (j + 1) * each)) for j in range(groups)
    ]
    return (*x.shape[:batch], *spatial, out_channels), reads, channels


@np.errstate(invalid="ignore")  # inf - inf is NaN, as it should be
def conv(x, kernel, bias=None, **options):
    """y[p, o] = bias[o] + sum over taps t and channels c of o's group of x[i, c] * kernel[t, c, o].

    Options, as `conv_plan` has them: stride, padding, padding_mode, dilation, input_dilation,
    groups.
    """
    x, kernel = wide(x), wide(kernel)
    shape, reads, groups = conv_plan(x, kernel, **options)
    y = np.zeros(shape, np.result_type(x, kernel))
    for p, t, i in reads:
        for c, o in groups:
            y[at(p, o)] += x[at(i, c)] @ kernel[t][:, o]
    return y if bias is None else y + wide(bias)


def conv_input_grad(x, kernel, g, **options):
    """The gradient of `sum(conv(x, kernel) * g)` by x; of x only the shape matters."""
    x, kernel, g = wide(x), wide(kernel), wide(g)
    shape, reads, groups = conv_plan(x, kernel, **options)
    assert g.shape == shape
    dx = np.zeros(x.shape, np.result_type(kernel, g))
    for p, t, i in reads:
        for c, o in groups:
            dx[at(i, c)] += g[at(p, o)] @ kernel[t][:, o].T
    return dx


def conv_kernel_grad(x, kernel, g, **options):
    """The gradient of `sum(conv(x, kernel) * g)` by the kernel, of which only the shape matters."""
    x, kernel, g = wide(x), wide(kernel), wide(g)
    shape, reads, groups = conv_plan(x, kernel, **options)
    assert g.shape == shape
    dkernel = np.zeros(kernel.shape, np.result_type(x, g))
    for p, t, i in reads:
        for n in np.ndindex(x.shape[: x.ndim + 1 - kernel.ndim]):  # each member of the batch
            for c, o in groups:
                dkernel[t][:, o] += np.outer(x[(*n, *i, c)], g[(*n, *p, o)])
    return dkernel


@np.errstate(invalid="ignore")
def depthwise_conv(x, kernel, bias=None, **options):
    """y[p, c * multiplier + m] = sum over taps t of x[i, c] * kernel[t, 0, c * multiplier + m]."""
    x, kernel = wide(x), wide(kernel)
    *window, one, width = kernel.shape
    channels, batch = x.shape[-1], x.ndim - kernel.ndim + 1
    if one != 1 or batch < 0 or (width % channels if channels else width):
        raise ValueError(f"a depthwise convolution of {x.shape} by {kernel.shape}")
    multiplier = width // max(channels, 1)
    names = {"padding_mode": "mode"}
    options = {names.get(name, name): value for name, value in options.items()}
    spatial, reads = reads_of(x.shape[batch:-1], window, **options)
    y = np.zeros((*x.shape[:batch], *spatial, width), np.result_type(x, kernel))
    for p, t, i in reads:
        y[at(p)] += np.repeat(x[at(i)], multiplier, axis=-1) * kernel[t][0]
    return y if bias is None else y + wide(bias)


def separable_conv(x, depthwise_kernel, pointwise_kernel, bias=None, **options):
    """A depthwise convolution, then a matrix product over the channels at every position."""
    y, pointwise = depthwise_conv(x, depthwise_kernel, **options), wide(pointwise_kernel)
    if pointwise.shape[:-1] != (1,) * (np.ndim(depthwise_kernel) - 2) + y.shape[-1:]:
        raise ValueError(f"a pointwise kernel {pointwise.shape} on {y.shape[-1]} channels")
    with np.errstate(invalid="ignore"):
        y = y @ pointwise.reshape(pointwise.shape[-2:])
    return y if bias is None else y + wide(bias)


@np.errstate(invalid="ignore")
def conv_local(x, kernel, bias=None, *, groups=1, **options):
    """y[p, o] = bias[p, o] + sum over t and c of x[i, c] * kernel[p, t, c, o]: one kernel each p.

    `kernel` is `(*positions, *window, in_channels // groups, out_channels)`; `bias` has the shape
    `(*positions, out_channels)`, or is one for all positions.
    """
    x, kernel = wide(x), wide(kernel)
    rank = (kernel.ndim - 2) // 2
    positions, window = kernel.shape[:rank], kernel.shape[rank:-2]
    shape, reads, channels = conv_plan(x, np.empty(kernel.shape[rank:]), groups=groups, **options)
    if kernel.ndim % 2 or shape[x.ndim - 1 - rank : -1] != positions:
        raise ValueError(f"kernels for {positions}, windows of {window}, on {x.shape}: {shape}")
    y = np.zeros(shape, np.result_type(x, kernel))
    for p, t, i in reads:
        for c, o in channels:
            y[at(p, o)] += x[at(i, c)] @ kernel[p][t][:, o]
    return y if bias is None else y + wide(bias)
