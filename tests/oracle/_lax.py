"""What `jax.lax` calls a general convolution and a windowed reduction."""

import numpy as np

from ._convolution import conv
from ._reads import low_high, reads_of, wide


def _letters(spec, rank):
    """("NHWC", "HWIO", "NHWC") for axes named by position; digits stand for the spatial ones."""
    if spec is None:
        digits = "".join(map(str, range(rank)))
        return f"N{digits}C", f"{digits}IO", f"N{digits}C"
    return spec


def conv_general_dilated(
    lhs, rhs, window_strides, padding, lhs_dilation=None, rhs_dilation=None,
    dimension_numbers=None, feature_group_count=1, batch_group_count=1,
):  # fmt: skip
    """`lax.conv_general_dilated`; but without dimension numbers channels are last, not first.

    With `batch_group_count` G, the batch and the output channels fall into G groups each, and the
    j-th of the output channels are computed from the j-th part of the batch.
    """
    lhs, rhs = wide(lhs), wide(rhs)
    rank = lhs.ndim - 2
    lhs_spec, rhs_spec, out_spec = _letters(dimension_numbers, rank)
    spatial = [letter for letter in rhs_spec if letter not in "IO"]
    lhs = lhs.transpose([lhs_spec.index(letter) for letter in ("N", *spatial, "C")])
    rhs = rhs.transpose([rhs_spec.index(letter) for letter in (*spatial, "I", "O")])
    if isinstance(padding, str) and any(d != 1 for d in lhs_dilation or ()):
        raise ValueError(f"padding {padding!r} with lhs_dilation {lhs_dilation}")
    if feature_group_count > 1 and batch_group_count > 1:
        raise ValueError("groups of features and of the batch exclude each other")
    if lhs.shape[0] % batch_group_count or rhs.shape[-1] % batch_group_count:
        raise ValueError(f"{batch_group_count} groups of the batch, {lhs.shape} by {rhs.shape}")
    ones = (1,) * rank
    parts = [
        conv(
            images, kernels, stride=window_strides, padding=padding,
            dilation=rhs_dilation or ones, input_dilation=lhs_dilation or ones,
            groups=feature_group_count,
        )
        for images, kernels in zip(
            np.split(lhs, batch_group_count), np.split(rhs, batch_group_count, axis=-1)
        )
    ]  # fmt: skip
    y = np.concatenate(parts, axis=-1)
    return y.transpose([("N", *spatial, "C").index(letter) for letter in out_spec])


@np.errstate(invalid="ignore")
def reduce_window(
    operand, init_value, computation, window_dimensions, window_strides, padding,
    base_dilation=None, window_dilation=None,
):  # fmt: skip
    """`lax.reduce_window`; `computation` is a NumPy function of two arrays, as `np.add`.

    It starts from the initial value once for each window and folds the elements in; padding and
    gaps are no elements. (StableHLO pads with the initial value; XLA's CPU backend does this.)
    """
    operand = wide(operand)
    ones = (1,) * operand.ndim
    strides, dilation = window_strides or ones, window_dilation or ones
    if isinstance(padding, str):  # from the sizes before the base dilation, as lax
        sizes = zip(operand.shape, window_dimensions, strides, dilation)
        padding = tuple(
            low_high(padding, axis, n, (k - 1) * d + 1, s)
            for axis, (n, k, s, d) in enumerate(sizes)
        )
    out, reads = reads_of(
        operand.shape, window_dimensions, padding=padding, stride=strides, dilation=dilation,
        input_dilation=base_dilation or ones,
    )  # fmt: skip
    y = np.full(out, init_value, operand.dtype)
    for p, _, i in reads:
        y[p] = computation(y[p], operand[i])
    return y
