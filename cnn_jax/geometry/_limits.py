"""What a window may be on a given input: long enough to fit, short enough to count."""

import math

from cnn_jax.arguments import LARGEST

from ._window import Window, dilated

MOST = 2**36
"""Elements of a feature map: 256 GiB of float32, more than a device holds."""


def check_size(name: str, lengths: tuple[int, ...], cause: str) -> None:
    """Check that a feature map of spatial `lengths` can be counted.

    XLA counts an axis in 32 bits and an array's bytes in 64, and ends the process where that
    overflows.

    Args:
        name: of the argument that makes it so large, for the error.
        lengths: the spatial lengths.
        cause: what has these lengths, for the error.

    Raises:
        ValueError: if an axis is longer than `arguments.LARGEST`, or there are more than `MOST`
            elements.
    """
    if not _countable(lengths):
        raise ValueError(
            f"`{name}` must leave at most {LARGEST} elements on an axis and {MOST} in a feature "
            f"map; {cause} spans {lengths}."
        )


def check_lengths(
    window: Window,
    spatial: tuple[int, ...],
    *,
    dilation: str = "dilation",
    base_dilation: str = "base_dilation",
) -> None:
    """Check the size of the window, and of its input after dilation and padding.

    Args:
        window: the window.
        spatial: the input's spatial lengths.
        dilation, base_dilation: what the caller calls these, for the errors.

    Raises:
        ValueError: if one of them is too large; the error names the option that makes it so.
    """
    base = window.base_dilation
    inputs, padded = tuple(map(dilated, spatial, base)), window.padded_size(spatial)
    if _countable(inputs) and _countable(window.extent) and _countable(padded):
        return
    taps = f"a window of {window.size} taps"
    check_size(base_dilation, inputs, f"with {base} an input of {spatial}")
    without_gaps = max(window.dilation, default=1) == 1
    check_size(
        "window" if without_gaps else dilation, window.extent, f"with {window.dilation} {taps}"
    )
    check_size("padding", padded, f"with {window.padding} an input of {spatial}")


def check_fit(window: Window, spatial: tuple[int, ...]) -> None:
    """Check that the window fits into its padded input, so that there is a position on every axis.

    Raises:
        ValueError: if the window is longer on an axis.
    """
    padded = window.padded_size(spatial)
    if all(n >= k for n, k in zip(padded, window.extent)):
        return
    raise ValueError(
        f"The window must fit into the padded input: a window of {window.size} taps with "
        f"`dilation` {window.dilation} spans {window.extent}, but an input of {spatial} with "
        f"`padding` {window.padding} is {padded}."
    )


def _countable(lengths: tuple[int, ...]) -> bool:
    """Whether an axis, and the product of all, are small enough for XLA to count."""
    return max(lengths, default=0) <= LARGEST and math.prod(lengths) <= MOST
