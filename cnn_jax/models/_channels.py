"""Numbers of channels of networks that are made wider or narrower by a factor."""


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded to a multiple of 8 that is not below nine tenths of that.

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
