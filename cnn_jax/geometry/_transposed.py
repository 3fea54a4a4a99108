"""The geometry of a transposed convolution: from a convolution's output back to its input."""

from collections.abc import Sequence

from cnn_jax.arguments import lengths, per_axis, shown

from ._limits import check_lengths, check_size
from ._padding import PaddingLike, padding_pairs
from ._window import Window, dilated


def resolve_transposed(
    positions: Sequence[int],
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    output_padding: int | Sequence[int] = 0,
    output_shape: Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
    source: str = "the input",
) -> tuple[tuple[int, ...], Window]:
    """Find the lengths of a convolution's input from those of its output, and resolve the window.

    With a stride, inputs of several lengths have outputs of one length. The shortest of them is
    taken, ``(positions - 1) * stride + extent - low - high``, and `output_padding` is added to it;
    with ``"SAME"`` and ``"SAME_LOWER"`` the longest is taken, ``positions * stride``.

    ```
    >>> spatial, window = resolve_transposed((4, 4), (3, 3), stride=2, padding=1, output_padding=1)
    >>> spatial, window.output_size(spatial)
    ((8, 8), (4, 4))

    ```

    Args:
        positions: the lengths of the convolution's output.
        window: the number of its taps; an int, or one per axis.
        stride, padding, dilation: the convolution's, as for `resolve`.
        output_padding: elements to add at the high end of the input, less than the stride or the
            dilation.
        output_shape: the input's lengths, instead of `output_padding`.
        source: what says how many spatial axes there are, for errors.

    Returns:
        The input's spatial lengths, and the window.

    Raises:
        TypeError: if an argument is not made of integers.
        ValueError: if an argument has the wrong length or range, no input has such an output, or a
            length does not fit into 32 bits.
    """
    positions = lengths("positions", positions)
    rank = len(positions)
    size = per_axis("window", window, rank, source)
    stride = per_axis("stride", stride, rank, source)
    dilation = per_axis("dilation", dilation, rank, source)
    extra = per_axis("output_padding", output_padding, rank, source, at_least=0)
    wanted = None
    if output_shape is not None:
        wanted = per_axis("output_shape", output_shape, rank, source)
    same = isinstance(padding, str) and padding.upper().startswith("SAME")
    extents = tuple(map(dilated, size, dilation))
    longest = tuple(p * s for p, s in zip(positions, stride))
    pairs = padding_pairs(padding, wanted or longest, extents, stride, source)
    resolved = Window(size, stride, pairs, dilation, (1,) * rank)
    shortest = tuple(
        (p - 1) * s + (1 if same else k - sum(pair))
        for p, s, k, pair in zip(positions, stride, extents, pairs)
    )

    if any(extra) and wanted:
        raise ValueError(
            "`output_padding` and `output_shape` say the same thing: give one of them; got "
            f"{output_padding!r} and {output_shape!r}."
        )
    if any(extra) and same:
        raise ValueError(
            f"`output_padding` must be 0 with `padding` {padding!r}, whose result is the input "
            f"times the stride; use `output_shape`; got {output_padding!r}."
        )
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation) if e):
        raise ValueError(
            f"`output_padding` must be less than `stride` {stride} or `dilation` {dilation}; "
            f"got {output_padding!r}."
        )
    spatial = wanted or (longest if same else tuple(n + e for n, e in zip(shortest, extra)))
    if min(spatial, default=1) < 1:
        spans = tuple((p - 1) * s + k for p, s, k in zip(positions, stride, extents))
        raise ValueError(
            f"`padding` {pairs} leaves nothing of the result: {positions} positions of a window of "
            f"{size} taps span {spans}."
        )
    lengthens = "padding" if min(map(min, pairs), default=0) < 0 else "stride"
    check_size("dilation", extents, f"with {dilation} a window of {size} taps")
    check_size("output_shape" if wanted else lengthens, spatial, f"from {positions} the result")
    check_lengths(resolved, spatial)
    if any(not low <= n < low + s for n, low, s in zip(wanted or (), shortest, stride)):
        last = tuple(low + s - 1 for low, s in zip(shortest, stride))
        raise ValueError(
            f"`output_shape` must be one from which a convolution makes {positions}: from "
            f"{shortest} to {last}; got {shown(output_shape)}."
        )
    return spatial, resolved
