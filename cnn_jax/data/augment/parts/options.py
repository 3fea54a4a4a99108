"""Options as ranges that are drawn from, and probabilities."""

from collections.abc import Sequence

from cnn_jax import arguments
from cnn_jax.arguments import shown

Range = float | Sequence[float]


def pair(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> tuple[float, float]:
    """`value` as `(low, high)`.

    ```
    >>> pair("scale", (0.5, 2))
    (0.5, 2.0)
    >>> pair("scale", (2, 0.5))
    Traceback (most recent call last):
    ValueError: `scale` must be (low, high) with low at most high; got (2, 0.5).

    ```
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"`{name}` must be a pair of numbers (low, high); got {shown(value)}.")
    bounds = {"above": above, "at_least": at_least, "at_most": at_most}
    low, high = (arguments.number(name, entry, **bounds) for entry in value)
    if low > high:
        raise ValueError(f"`{name}` must be (low, high) with low at most high; got {shown(value)}.")
    return low, high


def symmetric(name: str, value: object, *, at_most: float | None = None) -> tuple[float, float]:
    """`(-d, d)` for a number `d`, or a pair as it is.

    ```
    >>> symmetric("degrees", 15)
    (-15.0, 15.0)

    ```
    """
    if isinstance(value, tuple | list):
        least = None if at_most is None else -at_most
        return pair(name, value, at_least=least, at_most=at_most)
    size = arguments.number(name, value, at_least=0, at_most=at_most)
    return -size, size


def around_one(name: str, value: object) -> tuple[float, float]:
    """`(1 - d, 1 + d)` for a number `d`, but not below 0; or a pair as it is.

    ```
    >>> around_one("contrast", 0.25), around_one("contrast", 2)
    ((0.75, 1.25), (0.0, 3.0))

    ```
    """
    if isinstance(value, tuple | list):
        return pair(name, value, at_least=0)
    size = arguments.number(name, value, at_least=0)
    return max(0.0, 1 - size), 1 + size


def share(name: str, value: object) -> float:
    """`value` as a number in `[0, 1]`."""
    return arguments.number(name, value, at_least=0, at_most=1)


def size_of(value: object) -> tuple[int, int]:
    """`size`, an int or `(height, width)`, as `(height, width)` in pixels."""
    height, width = arguments.per_axis("size", value, 2, "`image`")  # pyright: ignore[reportArgumentType]
    return height, width
