"""A window as lax's arguments describe it."""

from collections.abc import Sequence
from typing import Any

from cnn_jax import arguments, geometry
from cnn_jax.geometry import Window


def lax_window(
    spatial: tuple[int, ...],
    size: tuple[int, ...],
    padding: Any,
    **steps: Sequence[int] | None,
) -> Window:
    """Resolve lax's arguments into a window, which need not fit into the input.

    Args:
        spatial: the input's lengths.
        size: the number of taps on each axis.
        padding: as for `geometry.resolve`.
        steps: stride, dilation and base dilation, in this order, under the caller's names for them,
            which the errors use; None is 1.

    Raises:
        TypeError: if an argument is not made of integers.
        ValueError: if an argument has the wrong length or range.
    """
    rank, source = len(size), f"a window of {size}"
    stride, dilation, base = (
        arguments.per_axis(name, 1 if value is None else value, rank, source)
        for name, value in steps.items()
    )
    inputs = tuple(map(geometry.dilated, spatial, base))
    extents = tuple(map(geometry.dilated, size, dilation))
    pairs = geometry.padding_pairs(padding, inputs, extents, stride, source)
    window = Window(size, stride, pairs, dilation, base)
    _, dilation_name, base_name = steps
    geometry.check_lengths(window, spatial, base_dilation=base_name, dilation=dilation_name)
    return window
