"""Transposed convolution: the reads of a convolution, walked backwards."""

import numpy as np

from ._reads import at, axes_of, low_high, wide


def _entries(option, rank):
    return (option,) * rank if isinstance(option, int) else tuple(option)


def _axis_size(axis, p, k, padding, stride, dilation, output_padding):
    """The input length of the convolution that had `p` positions, and its padding."""
    if not 0 <= output_padding < max(stride, dilation):
        raise ValueError(f"output padding {output_padding}, stride {stride}, dilation {dilation}")
    extent = (k - 1) * dilation + 1
    if isinstance(padding, str) and padding.upper() in ("SAME", "SAME_LOWER"):
        if output_padding:
            raise ValueError(f"output padding {output_padding} with {padding}")
        return p * stride
    low, high = low_high(padding, axis, None, extent, stride)
    return (p - 1) * stride + extent - low - high + output_padding


@np.errstate(invalid="ignore")
def conv_transpose(
    y, kernel, bias=None, *, stride=1, padding="VALID", output_padding=0, output_shape=None,
    dilation=1, groups=1,
):  # fmt: skip
    """x[i, c] = bias[c] + sum over the p and t that read i, and c's group of o, of y[p, o] * k.

    `k` is `kernel[t, c, o]`; `y` is `(*batch, *positions, out_channels)`, the kernel that of the
    convolution, `(*window, in_channels // groups, out_channels)`.
    """
    y, kernel = wide(y), wide(kernel)
    *window, width, out_channels = kernel.shape
    rank = len(window)
    batch = y.ndim - 1 - rank
    if batch < 0 or y.shape[-1] != out_channels or out_channels % groups:
        raise ValueError(f"{groups} groups of {y.shape} by {kernel.shape}, transposed")
    positions = y.shape[batch:-1]
    if 0 in positions:
        raise ValueError(f"no convolution has {positions} positions")
    stride, dilation = _entries(stride, rank), _entries(dilation, rank)
    added = _entries(output_padding, rank)
    if output_shape is None:
        spatial = tuple(
            _axis_size(axis, p, k, padding, s, d, more)
            for axis, (p, k, s, d, more) in enumerate(
                zip(positions, window, stride, dilation, added, strict=True)
            )
        )
    else:
        spatial = _entries(output_shape, rank)
    if min(spatial, default=1) < 1:
        raise ValueError(f"transposed, {positions} positions of {window} would be {spatial}")
    axes = axes_of(spatial, window, padding=padding, stride=stride, dilation=dilation)
    sizes = tuple(len(axis.reads) for axis in axes)
    if output_shape is not None and (any(added) or sizes != positions):
        raise ValueError(f"{spatial} has {sizes} positions, not {positions}; and adds {added}")
    each = out_channels // groups
    x = np.zeros((*y.shape[:batch], *spatial, width * groups), np.result_type(y, kernel))
    for p in np.ndindex(positions):  # not all of them, if the output padding made room for more
        for t in np.ndindex(tuple(window)):
            i = tuple(axis.reads[position][tap] for axis, position, tap in zip(axes, p, t))
            if None in i:
                continue
            for j in range(groups):
                c, o = slice(j * width, (j + 1) * width), slice(j * each, (j + 1) * each)
                x[at(i, c)] += y[at(p, o)] @ kernel[t][:, o].T
    return x if bias is None else x + wide(bias)
