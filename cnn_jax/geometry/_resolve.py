"""From what a user writes to a `Window`, and from a window to an exact one."""

from collections.abc import Sequence
from dataclasses import replace

from cnn_jax.arguments import flag, lengths, per_axis, with_hints

from ._limits import check_fit, check_lengths
from ._padding import PaddingLike, Pair, padding_pairs
from ._window import Window, dilated


def resolve(
    spatial: Sequence[int],
    window: int | Sequence[int],
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
        window: the number of its taps; an int, or one per axis.
        stride: input steps between two positions.
        padding: a name, an int, one int per axis or one ``(low, high)`` pair per axis.

            - ``"VALID"``: none.
            - ``"SAME"``: as much as gives ``ceil(m / stride)`` positions, divided evenly between
              the two ends; an odd element goes to the high end. (``m`` is the length of the dilated
              input, ``k`` that of the dilated window.)
            - ``"SAME_LOWER"``: the same, but an odd element goes to the low end.
            - ``"FULL"``: ``k - 1`` at both ends: every position where window and input overlap.
            - ``"CAUSAL"``: ``k - 1`` at the low end of every axis, so that no position sees an
              element with a higher index than its own.
        dilation: input steps between two taps.
        base_dilation: input steps between two input elements.
        ceil_mode: round the number of positions up instead of down, as PyTorch does: the padding at
            the high end is extended to hold one more window, if that window starts in the input or
            in the padding at its low end.
        base_dilation_name: what the caller calls `base_dilation`, for its errors.
        source: what says how many spatial axes there are, for errors.

    Returns:
        The window, one entry per spatial axis in every field.

    Raises:
        TypeError: if an argument is not made of integers.
        ValueError: if an argument has the wrong length or range, the window does not fit, or a
            length does not fit into 32 bits.
    """
    spatial = lengths("spatial", spatial, at_least=0)
    rank = len(spatial)
    size = per_axis("window", window, rank, source)
    stride = per_axis("stride", stride, rank, source)
    dilation = per_axis("dilation", dilation, rank, source)
    base_dilation = per_axis(base_dilation_name, base_dilation, rank, source)
    inputs = tuple(map(dilated, spatial, base_dilation))
    extents = tuple(map(dilated, size, dilation))
    pairs = padding_pairs(padding, inputs, extents, stride, source)
    resolved = Window(size, stride, pairs, dilation, base_dilation)
    if flag("ceil_mode", ceil_mode):
        resolved = _with_overhang(resolved, inputs)
    check_lengths(resolved, spatial, base_dilation=base_dilation_name)
    check_fit(resolved, spatial)
    return resolved


def fit(
    window: Window, spatial: tuple[int, ...], positions: tuple[int, ...] | None = None
) -> tuple[tuple[Pair, ...], Window]:
    """Find the elements of the input that no position sees, and the window on the others.

    Two things leave elements unseen: negative padding, which crops, and a stride that does not
    divide what is left. An algorithm is given the input without them and an *exact* window: its
    padding is never negative, its last position ends where the padded input ends, and
    `Window.input_size` inverts `Window.output_size`. A stride or dilation that is never used, since
    its axis has one position or one tap, is cut to at most the length of the padded input.

    (XLA's own gradients turn remainders into negative padding, which jaxlib 0.10.2 reads out of
    bounds: openxla/xla#48713.)

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
        ``(low, high)`` elements to drop on each axis, and the exact window on what is left.
    """
    drops, pairs = [], []
    window = _without_idle_steps(window, spatial)
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


@with_hints
def output_size(
    spatial: Sequence[int],
    window: int | Sequence[int],
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
    resolved = resolve(
        spatial,
        window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        base_dilation=input_dilation,
        base_dilation_name="input_dilation",
    )
    return resolved.output_size(tuple(spatial))


def _without_idle_steps(window: Window, spatial: tuple[int, ...]) -> Window:
    """Cut strides and dilations to the padded input's lengths; larger ones are never used."""
    limits = tuple(max(n, 1) for n in window.padded_size(spatial))
    stride, dilation = (
        tuple(map(min, steps, limits)) for steps in (window.stride, window.dilation)
    )
    return replace(window, stride=stride, dilation=dilation)


def _with_overhang(window: Window, inputs: tuple[int, ...]) -> Window:
    """Pad the high ends as PyTorch's ceil mode does; `inputs` are the dilated input's lengths."""
    if any(high < 0 for _, high in window.padding):  # to crop and extend one end makes no sense
        raise ValueError(
            "`padding` must not crop the high end with `ceil_mode`, which extends it: slice the "
            f"input first; got {window.padding}."
        )

    def high(n: int, k: int, s: int, pair: Pair) -> int:
        last = -((n + sum(pair) - k) // -s)  # rounded up
        if last * s >= n + pair[0]:  # that window would hold nothing but padding at the high end
            last -= 1
        return max(last * s + k - n - pair[0], pair[1])

    pairs = zip(
        (low for low, _ in window.padding),
        map(high, inputs, window.extent, window.stride, window.padding),
    )
    return replace(window, padding=tuple(pairs))
