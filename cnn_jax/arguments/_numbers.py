"""Numbers that need not be whole."""

import math
from numbers import Real

from ._texts import if_traced, shown


def number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """`value` as a finite Python float between bounds.

    ```
    >>> number("dropout", 0.5, at_least=0, below=1)
    0.5
    >>> number("dropout", 1, at_least=0, below=1)
    Traceback (most recent call last):
    ValueError: `dropout` must be a number in [0, 1); got 1.

    ```

    Args:
        name: of the argument.
        value: an int, a float or a NumPy number; no bool.
        above: it must be larger than this.
        at_least: it must be this or larger.
        below: it must be smaller than this.
        at_most: it must be this or smaller.

    Raises:
        TypeError: if it is no real number that is known now.
        ValueError: if it is not finite, or out of the bounds.
    """
    rule = f"`{name}` must be {_rule(above, at_least, below, at_most)}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{rule}; got {shown(value)}.{if_traced(name, value)}")
    try:
        found = float(value)
    except OverflowError:  # an int that no float is near
        found = math.inf
    inside = (
        math.isfinite(found)
        and (above is None or found > above)
        and (at_least is None or found >= at_least)
        and (below is None or found < below)
        and (at_most is None or found <= at_most)
    )
    if not inside:
        raise ValueError(f"{rule}; got {shown(value)}.")
    return found


def span(name: str, value: object) -> tuple[float, float]:
    """A number or a pair (low, high) as such a pair, of at least 0: what random values are between.

    ```
    >>> span("blur", 2), span("blur", (0, 1.5))
    ((2.0, 2.0), (0.0, 1.5))

    ```

    Args:
        name: of the argument.
        value: see `number`; or a tuple or list of two of them.

    Raises:
        TypeError, ValueError: it is neither, or low is below 0, or high below low.
    """
    if not isinstance(value, tuple | list):
        found = number(name, value, at_least=0)
        return found, found
    if len(value) != 2:
        text = f"`{name}` must be a number or a pair (low, high); got {shown(value)}."
        raise ValueError(text)
    low = number(name, value[0], at_least=0)
    return low, number(name, value[1], at_least=low)


def _rule(
    above: float | None, at_least: float | None, below: float | None, at_most: float | None
) -> str:
    low = f"above {above}" if above is not None else f"of at least {at_least}"
    high = f"below {below}" if below is not None else f"of at most {at_most}"
    has_low, has_high = (above, at_least) != (None, None), (below, at_most) != (None, None)
    if has_low and has_high:
        left = f"({above}" if above is not None else f"[{at_least}"
        right = f"{below})" if below is not None else f"{at_most}]"
        return f"a number in {left}, {right}"
    if has_low or has_high:
        return f"a finite number {low if has_low else high}"
    return "a finite number"
