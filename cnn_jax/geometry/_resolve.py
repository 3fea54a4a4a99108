"""From what a user writes to a `Window`, and from a window to an exact one."""

from collections.abc import Sequence
from dataclasses import replace

from cnn_jax.arguments import per_axis

from ._padding import PaddingLike, Pair, padding_pairs
from ._window import Window, dilated


def resolve(
    spatial: Sequence[int],
    size: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    base_dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    base_dilation_name: str = "base_dilation",
    source: str = "the input",
) -> Window:
    """Check a window's arguments as a user writes them, and resolve them into a `Window`.

    ```
    >>> resolve((28, 28), (5, 5), padding="SAME").padding
    ((2, 2), (2, 2))

    ```

    Args:
        spatial: the input's spatial lengths; their number is the spatial rank.
        size: the window's taps.
        stride: input steps between two positions.
        padding: a name, an int, one int per axis or one ``(low, high)`` pair per axis.

            - ``"VALID"``: none.
            - ``"SAME"``: as many positions as the (dilated) input has multiples of the stride,
              ``ceil(m / stride)``; an odd element goes to the high end.
            - ``"SAME_LOWER"``: the same, an odd element at the low end.
            - ``"FULL"``: every position where window and input overlap at all, ``k - 1`` each side.
            - ``"CAUSAL"``: ``k - 1`` at the low end of every axis: no output sees what comes later.
        dilation: input steps between two taps.
        base_dilation: input steps between two input elements.
        ceil_mode: extend the padding at the high end so that a last window that starts in the input
            or in its low padding is whole (PyTorch's rule): ``ceil`` for ``//`` in the output's
            size.
        base_dilation_name: what the caller calls `base_dilation`, for its errors.
        source: what says how many spatial axes there are, for errors.

    Returns:
        The window, one entry per spatial axis in every field.

    Raises:
        TypeError: if an argument is not made of integers.
        ValueError: if an argument has the wrong length or range, or the window does not fit.
    """
    spatial = tuple(spatial)
    rank = len(spatial)
    size = per_axis("window", size, rank, source)
    stride = per_axis("stride", stride, rank, source)
    dilation = per_axis("dilation", dilation, rank, source)
    base_dilation = per_axis(base_dilation_name, base_dilation, rank, source)
    inputs = tuple(map(dilated, spatial, base_dilation))
    extents = tuple(map(dilated, size, dilation))
    pairs = padding_pairs(padding, inputs, extents, stride, source)
    window = Window(size, stride, pairs, dilation, base_dilation)
    if ceil_mode:
        window = _with_overhang(window, inputs)
    _check_fit(window, spatial)
    return window


def fit(
    window: Window, spatial: tuple[int, ...], positions: tuple[int, ...] | None = None
) -> tuple[tuple[Pair, ...], Window]:
    """Turn cropping and remainders into slices, so that no algorithm has to think of them.

    Negative padding crops, and where the stride does not divide, no position sees the last elements
    of an axis. Both become elements to drop from the ends of the input; what is left is covered
    exactly, with padding that is never negative, and `Window.input_size` inverts
    `Window.output_size`. (XLA's own gradients turn remainders into negative padding, which jaxlib
    0.10.2 reads out of bounds: openxla/xla#48713.)

    ```
    >>> window = resolve((8,), 3, stride=2, padding=[(-1, 0)])
    >>> drops, exact = fit(window, (8,))  # drop the first element; 3 positions cover the other 7
    >>> drops, exact.padding
    (((1, 0),), ((0, 0),))

    ```

    Args:
        window: a resolved window that fits into the input.
        spatial: the input's spatial lengths.
        positions: how many positions to cover on each axis; None means all that there are.

    Returns:
        ``(low, high)`` elements to drop on each axis, and the window for what is left.
    """
    drops, pairs = [], []
    positions = window.output_size(spatial) if positions is None else positions
    covered = ((p - 1) * s + k for p, s, k in zip(positions, window.stride, window.extent))
    for n, cover, (low, _), b in zip(spatial, covered, window.padding, window.base_dilation):
        high = cover - low - dilated(n, b)
        drop_low, drop_high = (max(-(pad // b), 0) for pad in (low, high))
        if drop_low + drop_high < n:
            pairs.append((low + drop_low * b, high + drop_high * b))
        else:  # the positions see nothing but padding and gaps
            drop_low, drop_high = n, 0
            pairs.append((cover, 0))
        drops.append((drop_low, drop_high))
    return tuple(drops), replace(window, padding=tuple(pairs))


def output_size(
    spatial: Sequence[int],
    size: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    input_dilation: int | Sequence[int] = 1,
) -> tuple[int, ...]:
    """Compute the spatial lengths of a convolution's or pooling's output.

    With padding ``P`` on both sides, ``(n + 2 P - k) // stride + 1`` on each axis.

    ```
    >>> output_size((6, 6), (3, 3), stride=1, padding=0)
    (4, 4)
    >>> output_size((224, 224), 7, stride=2, padding=3)
    (112, 112)

    ```

    Args, Raises: as for `resolve`, with `input_dilation` for `base_dilation`.

    Returns:
        One length per spatial axis.
    """
    window = resolve(
        spatial,
        size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        base_dilation=input_dilation,
        base_dilation_name="input_dilation",
    )
    return window.output_size(tuple(spatial))


def _with_overhang(window: Window, inputs: tuple[int, ...]) -> Window:
    """Pad the high ends as PyTorch's ceil mode does; `inputs` are the dilated input's lengths."""
    if any(high < 0 for _, high in window.padding):  # zeros behind what is cropped: no padding
        raise ValueError(
            "`padding` must not crop the high end with `ceil_mode`, which extends it: slice the "
            f"input first; got {window.padding}."
        )

    def high(n: int, k: int, s: int, pair: Pair) -> int:
        last = -((n + sum(pair) - k) // -s)  # rounded up
        if last * s >= n + pair[0]:  # it would see nothing but the padding at the high end
            last -= 1
        return max(last * s + k - n - pair[0], pair[1])

    pairs = zip(
        (low for low, _ in window.padding),
        map(high, inputs, window.extent, window.stride, window.padding),
    )
    return replace(window, padding=tuple(pairs))


def _check_fit(window: Window, spatial: tuple[int, ...]) -> None:
    padded = window.padded_size(spatial)
    if all(n >= k for n, k in zip(padded, window.extent)):
        return
    raise ValueError(
        f"The window must fit into the padded input: a window of {window.size} taps with "
        f"`dilation` {window.dilation} spans {window.extent}, but an input of {spatial} with "
        f"`padding` {window.padding} is {padded}."
    )
