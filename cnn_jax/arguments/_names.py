"""Names out of a list, flags, and functions."""

import difflib
from collections.abc import Iterable
from typing import Any, TypeVar

from ._texts import shown

T = TypeVar("T")

MANY = 20
"""With so many names or more, an error lists none of them if it can suggest one."""


def one_of(name: str, value: T, known: Iterable[Any]) -> T:
    """`value`, if it is one of those `known`.

    ```
    >>> one_of("norm", "group", ("batch", "group"))
    'group'
    >>> one_of("norm", "bach", ("batch", "group"))
    Traceback (most recent call last):
    ValueError: `norm` must be one of 'batch', 'group'; got 'bach'. Did you mean 'batch'?

    ```

    Args:
        name: of the argument.
        value: what was given: anything. What has another type than the known ones is not compared.
        known: names, or other plain values, None among them.

    Raises:
        ValueError: if it is none of them.
    """
    known = tuple(known)
    if any(_same(value, other) for other in known):
        return value
    hint = did_you_mean(value, known)
    if len(known) >= MANY and hint:
        rule = f"one of {len(known)} names"
    else:
        rule = f"one of {', '.join(map(repr, known))}"
    raise ValueError(f"`{name}` must be {rule}; got {shown(value)}.{hint}")


def did_you_mean(value: object, known: Iterable[object]) -> str:
    """What to add to an error about `value`: the known name that is most like it, if one is.

    ```
    >>> did_you_mean("rsnet50", ["vgg16", "resnet50"])
    " Did you mean 'resnet50'?"

    ```
    """
    if not isinstance(value, str):
        return ""
    names = {other.lower(): other for other in known if isinstance(other, str)}
    close = difflib.get_close_matches(value.lower(), names, n=1)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def flag(name: str, value: object) -> bool:
    """`value` as a Python bool; a TypeError if it is anything but true or false."""
    if not (isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")):  # NumPy's
        raise TypeError(f"`{name}` must be True or False; got {shown(value)}.")
    return bool(value)


def function(name: str, value: T, takes: str) -> T:
    """`value`, if it can be called; `takes` says with what, such as ``"(key, shape, dtype)"``.

    Raises:
        TypeError: if it cannot be called.
    """
    if not callable(value):
        raise TypeError(f"`{name}` must be a function of {takes}; got {shown(value)}.")
    return value


def _same(value: object, known: object) -> bool:
    """Whether they are equal and of one type; a bool is no int, and an array is never compared."""
    alike = value is None if known is None else isinstance(value, type(known))
    return alike and isinstance(value, bool) == isinstance(known, bool) and value == known
