"""Layers that a user writes down: ``"x=4,28,28,32 kernel=5,5,32,48 stride=2 groups=4"``.

A layer is words of the form ``name=value``, named as the arguments of `functional.conv` and the
pools. A value is an int, or ints with commas between, one for each axis. Padding may also be a name
such as SAME, or ``low:high`` for each axis.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from cnn_jax.arguments import did_you_mean
from experiments.compare_ops.layers import sides
from experiments.compare_ops.layers.layer import DTYPES, POOL_OPERATIONS, Layer
from experiments.running.options import RunError, require

NETWORK = "own"
CONV = "x=4,28,28,32 kernel=5,5,32,48 stride=2 padding=SAME groups=1"
POOL = "max x=4,56,56,64 window=3,3 stride=2 padding=1"
KINDS = {operation.removesuffix("_pool"): operation for operation in POOL_OPERATIONS}


def convolution(text: str) -> Layer:
    """The convolution that `--conv` describes.

    Raises:
        RunError: if a word is wrong, or there is no such convolution.
    """
    given = values("--conv", text, text.split(), OF_CONV, CONV)
    x, kernel = given.pop("x"), given.pop("kernel")
    rule = "given a kernel of its window, c // groups and o, such as kernel=3,3,32,48"
    require("--conv", len(kernel) >= 2, rule, repr(text))
    return possible("--conv", text, Layer(NETWORK, text, "conv", x, kernel[:-2], kernel, **given))


def pool(text: str) -> Layer:
    """The pool that `--pool` describes; its stride is its window unless it is given.

    Raises:
        RunError: if a word is wrong, or there is no such pool.
    """
    kind, *words = text.split() or [""]
    rule = f"one of {', '.join(KINDS)}, then words, such as {POOL!r}"
    require("--pool", kind in KINDS, rule, repr(text))
    given = values("--pool", text, words, OF_POOL, POOL)
    x, window = given.pop("x"), given.pop("window")
    layer = Layer(NETWORK, text, KINDS[kind], x, window, **{"stride": window, **given})
    return possible("--pool", text, layer)


def values(
    option: str, text: str, words: list[str], known: Mapping[str, Callable], example: str
) -> dict[str, Any]:
    """What each word of the form name=value says.

    Args:
        option: of the command line, for errors.
        text: what was given, for errors.
        words: its words.
        known: by name, what reads its value. The first two names must be given.
        example: a right text.

    Raises:
        RunError: if a word has another form, an unknown name, or a wrong value.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        rule = f"words of the form name=value, such as {example!r}"
        require(option, bool(equals and value), rule, f"{word!r} in {text!r}")
        if name not in known:
            names = ", ".join(known)
            hint = did_you_mean(name, known)
            raise RunError(f"`{option}` takes {names}; got {name!r} in {text!r}.{hint}")
        require(option, name not in found, f"given {name} once", repr(text))
        try:
            found[name] = known[name](value)
        except ValueError as error:
            raise RunError(f"`{option}`: {name} must be {error}; got {word!r}.") from None
    for name in list(known)[:2]:
        require(option, name in found, f"given {name}, as in {example!r}", repr(text))
    return found


def shape(text: str) -> tuple[int, ...]:
    """Positive ints with commas between."""
    try:
        found = tuple(map(int, text.split(",")))
    except ValueError:
        found = (0,)
    if min(found) < 1:
        raise ValueError("positive ints with commas between and no spaces, such as 4,28,28,32")
    return found


def per_axis(text: str) -> int | tuple[int, ...]:
    """A positive int for all axes, or one for each."""
    found = shape(text)
    return found[0] if len(found) == 1 else found


def one(text: str) -> int:
    """A positive int."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("a positive int")
    return int(text)


def padding(text: str) -> Any:
    """A name, an int, an int for each axis, or low:high for each axis."""
    if text.replace("_", "").isalpha():
        return text.upper()
    try:
        parts = [tuple(map(int, part.split(":"))) for part in text.split(",")]
    except ValueError:
        parts = [()]
    lengths = set(map(len, parts))
    if lengths == {2}:
        return tuple(parts)
    if lengths == {1}:
        return parts[0][0] if len(parts) == 1 else tuple(part[0] for part in parts)
    raise ValueError("a name such as SAME, ints such as 2 or 1,2, or low:high such as 0:1,2:2")


def dtype(text: str) -> str:
    """A type of floats."""
    if text not in DTYPES:
        raise ValueError(f"one of {', '.join(DTYPES)}")
    return text


SHARED = {"stride": per_axis, "padding": padding, "dilation": per_axis, "dtype": dtype}
OF_POOL = {"x": shape, "window": shape, **SHARED}
OF_CONV = {"x": shape, "kernel": shape, **SHARED, "input_dilation": per_axis, "groups": one}


def possible(option: str, text: str, layer: Layer) -> Layer:
    """The layer, unless the operation refuses it: then its own error says why.

    Raises:
        RunError: if there is no such layer.
    """
    rank, axes = len(layer.size), len(layer.x)
    rule = f"given an x of {rank + 2} numbers, n, {rank} lengths and c, as its window has {rank}"
    require(option, axes == rank + 2, rule, repr(text))
    arrays = [jax.ShapeDtypeStruct(s, "float32") for s in (layer.x, layer.kernel) if s is not None]
    try:
        jax.eval_shape(sides.ours(layer, "auto"), *arrays)
    except (TypeError, ValueError) as error:
        raise RunError(f"`{option}` {text!r} is impossible: {error}") from None
    return layer
