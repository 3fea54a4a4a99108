"""Arrays that are laid out as in other libraries: recognized by their shapes, for errors."""

from collections.abc import Callable
from itertools import product

Shape = tuple[int, ...]


def channels_last_hint(
    x: Shape, kernel: Shape, fits: Callable[[int, int, int], bool], name: str = "x"
) -> str:
    """What to add to an error about channels, if the arrays would fit after a transposition.

    ```
    >>> channels_last_hint((8, 3, 32, 32), (5, 5, 3, 6), lambda c, i, o: c == i)
    ' Arrays are channels last: `x` (8, 32, 32, 3) and `kernel` (5, 5, 3, 6) would fit.'
    >>> channels_last_hint((8, 32, 32, 4), (5, 5, 3, 6), lambda c, i, o: c == i)
    ''

    ```

    Args:
        x: the shape of the input, perhaps (*batch, channels, *spatial), as PyTorch has it.
        kernel: the shape of the kernel, perhaps (out_channels, in_channels, *window), likewise.
        fits: whether an input of so many channels fits a kernel of so many input and output
            channels.
        name: what the caller calls `x`.
    """
    rank = len(kernel) - 2
    first = len(x) - 1 - rank
    inputs, kernels = [x], [kernel]
    if first < 0:
        return ""
    if rank:
        inputs.append((*x[:first], *x[first + 1 :], x[first]))
    if rank and len(set(kernel[2:])) == 1:  # a window has equal sides, nearly always
        kernels.append((*kernel[2:], kernel[1], kernel[0]))
    for shape, taps in product(inputs, kernels):
        if fits(shape[-1], *taps[-2:]):
            return f" Arrays are channels last: `{name}` {shape} and `kernel` {taps} would fit."
    return ""
