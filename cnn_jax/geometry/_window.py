"""`Window`: a sliding window with everything resolved."""

from dataclasses import dataclass, replace

from ._padding import Pair


@dataclass(frozen=True)
class Window:
    """A sliding window, with one entry per spatial axis in every field.

    Attributes:
        size: taps of the window.
        stride: input steps between two positions.
        padding: ``(low, high)`` elements added around the dilated input.
        dilation: input steps between two taps.
        base_dilation: input steps between two input elements (1: no zeros in between).
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]
    base_dilation: tuple[int, ...]

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.size)

    @property
    def extent(self) -> tuple[int, ...]:
        """The length of the window on the padded input, gaps between its taps included."""
        return tuple(map(dilated, self.size, self.dilation))

    def padded_size(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """The lengths of an input of lengths `spatial` after it is dilated and padded."""
        return tuple(
            dilated(n, b) + low + high
            for n, b, (low, high) in zip(spatial, self.base_dilation, self.padding)
        )

    def output_size(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """The number of positions on each axis of an input of lengths `spatial`."""
        padded = self.padded_size(spatial)
        return tuple((n - k) // s + 1 for n, k, s in zip(padded, self.extent, self.stride))

    def on_padded(self) -> "Window":
        """The same window on an input that is dilated and padded already."""
        return replace(self, padding=((0, 0),) * self.rank, base_dilation=(1,) * self.rank)

    def on_uncropped(self, drops: tuple[Pair, ...]) -> "Window":
        """The same window on an input that still has the elements ``(low, high)`` of each axis.

        Negative padding drops them.
        """
        pairs = zip(self.padding, drops, self.base_dilation)
        padding = tuple((low - x * b, high - y * b) for (low, high), (x, y), b in pairs)
        return replace(self, padding=padding)

    def on_axis(self, axis: int) -> "Window":
        """This window along `axis`, with one tap and stride 1 along every other axis."""

        def only(entries: tuple, plain) -> tuple:
            return tuple(e if i == axis else plain for i, e in enumerate(entries))

        return Window(
            only(self.size, 1),
            only(self.stride, 1),
            only(self.padding, (0, 0)),
            only(self.dilation, 1),
            only(self.base_dilation, 1),
        )

    def with_axis_in_front(self) -> "Window":
        """This window with one more spatial axis, the first, along which it has one tap."""
        return Window(
            (1, *self.size),
            (1, *self.stride),
            ((0, 0), *self.padding),
            (1, *self.dilation),
            (1, *self.base_dilation),
        )

    def cut(self, axes: slice) -> "Window":
        """This window on some of its spatial axes only."""
        return Window(
            self.size[axes],
            self.stride[axes],
            self.padding[axes],
            self.dilation[axes],
            self.base_dilation[axes],
        )

    def covers(self, spatial: tuple[int, ...]) -> bool:
        """Whether the window has one position, at which its taps are all elements of the input."""
        plain = all(entry == 1 for entry in (*self.dilation, *self.base_dilation))
        return self.size == spatial and plain and not any(map(any, self.padding))

    def taps_inside(
        self, spatial: tuple[int, ...], margins: tuple[Pair, ...] | None = None
    ) -> tuple[tuple[int, ...], ...]:
        """Count, on each axis and for each position, the taps that lie in the input.

        The others lie in its padding.

        Args:
            spatial: the input's lengths, without base dilation.
            margins: ``(low, high)`` elements of padding on each axis that count as input.
        """

        def inside(start: int, edges: Pair, taps: int, d: int) -> int:
            """Count the places start, start + d, ... of the `taps` that lie between the edges."""
            before, up_to_end = (max(-((start - edge) // d), 0) for edge in edges)
            return max(min(taps, up_to_end) - before, 0)

        return tuple(
            tuple(inside(p * s - low, (-before, n + after), taps, d) for p in range(positions))
            for n, positions, taps, s, d, (low, _), (before, after) in zip(
                spatial,
                self.output_size(spatial),
                self.size,
                self.stride,
                self.dilation,
                self.padding,
                margins or ((0, 0),) * self.rank,
            )
        )

    def of_input_grad(self) -> "Window":
        """The window of the convolution that computes the gradient with respect to the input.

        That convolution slides the kernel, flipped, over the cotangent of the output: stride and
        base dilation change places. Its padding may be negative: `fit` it. This window must be
        exact, as `fit` returns it.
        """
        padding = tuple(
            (k - 1 - low, k - 1 - high) for k, (low, high) in zip(self.extent, self.padding)
        )
        return Window(self.size, self.base_dilation, padding, self.dilation, self.stride)

    def of_kernel_grad(self, positions: tuple[int, ...]) -> "Window":
        """The window of the convolution that computes the gradient with respect to the kernel.

        That convolution slides the cotangent of the output, of `positions` elements, over the
        input: stride and dilation change places. This window must be exact, as `fit` returns it.
        """
        return Window(positions, self.dilation, self.padding, self.stride, self.base_dilation)

    def input_size(self, positions: tuple[int, ...]) -> tuple[int, ...]:
        """The inverse of `output_size` for a window that `fit` returned: the input's lengths."""
        return tuple(
            ((p - 1) * s + k - low - high - 1) // b + 1
            for p, s, k, (low, high), b in zip(
                positions, self.stride, self.extent, self.padding, self.base_dilation
            )
        )


def dilated(length: int, dilation: int) -> int:
    """The length of `length` elements with ``dilation - 1`` gaps between each and the next."""
    return (length - 1) * dilation + 1 if length > 0 else 0
