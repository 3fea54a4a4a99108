"""The number of channels of a network that is made wider or narrower by a factor."""


def scaled(channels: int, width: float) -> int:
    """`channels * width`, rounded to a multiple of 8, and up if that would lose over a tenth.

    ```
    >>> [scaled(24, width) for width in (0.35, 0.5, 1.0, 1.2)]
    [8, 16, 24, 32]

    ```

    Args:
        channels: of the network of width 1.
        width: the factor.
    """
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8
