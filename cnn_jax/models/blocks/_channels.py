"""The number of channels in a network that a factor makes wider or narrower."""


def scaled(channels: int, width: float) -> int:
    """`channels * width` in multiples of 8: the nearest, or the next above if that is under 90 %.

    ```
    >>> [scaled(24, width) for width in (0.35, 0.5, 1.0, 1.2)]
    [8, 16, 24, 32]

    ```

    Args:
        channels: in the network of width 1.
        width: the factor.
    """
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8
