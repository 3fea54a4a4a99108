"""Receptive fields on one axis of an input: each unit's exact interval, and the nominal field."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from cnn_jax.geometry import Window

from ._nominal import Nominal

# The ends of an empty interval: a minimum of low ends, a maximum of high ends ignores them.
NO_LOW, NO_HIGH = 2**30, -1
# A larger array of ends keeps only one interval for its longest axis.
MOST = 1_000_000

Key = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Field:
    """What the units of an array see of one axis of one input.

    Attributes:
        low: the first element that each unit sees, padding not counted. It has the rank of the
            array of units, and length 1 on axes along which it is constant.
        high: likewise the last element; where ``low > high`` a unit sees nothing.
        nominal: the field with its padding, as the literature gives it; None where paths of
            different strides meet.
        exact: whether each unit depends, for weights in general, on both ends of its interval.
            Otherwise the interval may be too long, never too short.
    """

    low: np.ndarray
    high: np.ndarray
    nominal: Nominal | None
    exact: bool = True

    def changed(self, change: Callable[[np.ndarray, int], np.ndarray]) -> "Field":
        """The field with its low and its high ends changed.

        `change` takes an array of ends, and the end that stands in it for an empty interval.
        """
        return replace(self, low=change(self.low, NO_LOW), high=change(self.high, NO_HIGH))

    def nominally(self, change: Callable[[Nominal], Nominal | None]) -> "Field":
        """The field with its nominal field changed, if it has one."""
        return self if self.nominal is None else replace(self, nominal=change(self.nominal))


# What the units of an array see: a field for each (number of an input, its axis) they see any of.
Sight = dict[Key, Field]


def of_input(number: int, shape: Sequence[int]) -> Sight:
    """The sight of an input: each element sees itself."""
    rank, sight = len(shape), {}
    for axis, n in enumerate(shape):
        ends = along(np.arange(n, dtype=np.int32), axis, rank)
        steps = tuple(int(a == axis) for a in range(rank))
        sight[number, axis] = Field(ends, ends, Nominal(0, 1, steps, (1,) * rank))
    return sight


def along(entries: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """A vector laid along one of `rank` axes; the others get length 1."""
    return entries.reshape([-1 if a == axis else 1 for a in range(rank)])


def reduced(field: Field, axes: Iterable[int], shape: Sequence[int]) -> Field:
    """The field of a sum along `axes` of an array of `shape`; these axes keep length 1."""
    axes = tuple(axes)
    return replace(
        field,
        low=field.low.min(axes, keepdims=True),
        high=field.high.max(axes, keepdims=True),
    ).nominally(lambda nominal: nominal.absorbed(axes, shape))


def permuted(field: Field, order: Sequence[int]) -> Field:
    """The field after a transpose: axis i of the result was axis ``order[i]``."""
    to = {before: after for after, before in enumerate(order)}
    return field.changed(lambda ends, _: ends.transpose(order)).nominally(
        lambda nominal: nominal.placed(len(order), to)
    )


def spread(field: Field, rank: int, axes: Sequence[int], shape: Sequence[int]) -> Field:
    """The field after a broadcast of an array of `shape`: axis i becomes ``axes[i]`` of `rank`."""

    def change(ends: np.ndarray, _: int) -> np.ndarray:
        lengths = [1] * rank
        for axis, n in zip(axes, ends.shape):
            lengths[axis] = n
        return ends.reshape(lengths)

    to = {i: axis for i, axis in enumerate(axes) if shape[i] > 1}
    return field.changed(change).nominally(lambda nominal: nominal.placed(rank, to))


def dropped(field: Field, axes: Iterable[int]) -> Field:
    """The field without `axes`, all of length 1."""
    rank = field.low.ndim
    axes = {axis % rank for axis in axes}
    kept = [axis for axis in range(rank) if axis not in axes]
    to = {before: after for after, before in enumerate(kept)}
    return field.changed(lambda ends, _: ends.reshape([ends.shape[a] for a in kept])).nominally(
        lambda nominal: nominal.placed(len(kept), to)
    )


def taken(ends: np.ndarray, axis: int, places: np.ndarray) -> np.ndarray:
    """The ends at `places` of `axis`; the entry of an axis of length 1 holds for all places."""
    return ends if ends.shape[axis] == 1 else ends.take(places, axis)


def thinned(array: np.ndarray, axes: Iterable[int] | None = None) -> np.ndarray:
    """The array with length 1 on those of `axes` (by default all) along which it is constant."""
    for axis in range(array.ndim) if axes is None else axes:
        first = array.take([0], axis)
        array = first if (array == first).all() else array
    return array


def masked(ends: np.ndarray, nothing: int, sees: np.ndarray) -> np.ndarray:
    """The ends, replaced by `nothing` where ``sees`` is False."""
    return ends if sees.all() else np.where(sees, ends, nothing).astype(np.int32)


def sliced(field: Field, axis: int, start: int, stride: int, n: int) -> Field:
    """The field of `n` units, taken from `axis` at ``start + i * stride``."""
    places = start + stride * np.arange(n)

    def nominally(nominal: Nominal) -> Nominal:
        nominal = nominal.unfolded(axis)
        step = nominal.steps[axis]
        if not step or (start, stride) == (0, 1):
            return nominal
        repeats = nominal.repeats[axis] if abs(stride) == 1 else 1
        moved = replace(nominal, start=nominal.start + start * step)
        return moved.with_step(axis, step * stride, repeats)

    return field.changed(lambda ends, _: taken(ends, axis, places)).nominally(nominally)


def sliced_into(field: Field, axis: int, place: int, n: int, m: int) -> Field:
    """The field of `m` units put at `place` of an axis of `n`, whose other units see nothing."""
    rank, there = field.low.ndim, np.arange(n) - place
    sees = along((there >= 0) & (there < m), axis, rank)
    places = np.clip(there, 0, m - 1)
    field = field.changed(lambda ends, nothing: masked(taken(ends, axis, places), nothing, sees))
    return field.nominally(lambda nominal: nominal.slid(axis, 1, 1, place, 1, 1))


def slid(field: Field, axis: int, n: int, window: Window) -> Field:
    """The field after a window of one axis slides along `axis`, of length `n`."""
    if window == _POINT:
        return field
    places, meets = reads(n, window)
    anywhere, rank = np.asarray(meets.any(1)), field.low.ndim

    def change(ends: np.ndarray, nothing: int) -> np.ndarray:
        if ends.shape[axis] == 1:
            return masked(ends, nothing, along(anywhere, axis, rank))
        met = np.moveaxis(ends, axis, -1)[..., places]
        met = np.where(meets, met, nothing)
        met = met.min(-1) if nothing == NO_LOW else met.max(-1)
        return np.moveaxis(met, -1, axis).astype(np.int32)

    (k,), (s,), ((low, _),), (d,), (b,) = (
        window.size,
        window.stride,
        window.padding,
        window.dilation,
        window.base_dilation,
    )
    return field.changed(change).nominally(lambda nominal: nominal.slid(axis, k, s, low, d, b))


_POINT = Window((1,), (1,), ((0, 0),), (1,), (1,))


@lru_cache(maxsize=256)
def reads(n: int, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Which element of an axis of `n` each tap meets at each position, and whether it meets one.

    Both are (positions, taps). Taps on the padding, or on zeros between elements, meet none.
    """
    (positions,) = window.output_size((n,))
    (low, _), base = window.padding[0], window.base_dilation[0]
    places = np.arange(positions)[:, None] * window.stride[0] - low
    places = places + np.arange(window.size[0]) * window.dilation[0]
    meets = (places % base == 0) & (places >= 0) & (places <= (n - 1) * base)
    return np.clip(places // base, 0, max(n - 1, 0)), meets


def chained(parts: Sequence[Field | None], lengths: Sequence[int], axis: int, rank: int) -> Field:
    """The field of several arrays concatenated along `axis`, without a nominal field.

    None stands for a part that sees nothing.
    """
    ends = {}
    for name, nothing in (("low", NO_LOW), ("high", NO_HIGH)):
        arrays = [
            np.full((1,) * rank, nothing, np.int32) if part is None else getattr(part, name)
            for part in parts
        ]
        lines = [(*a.shape[:axis], 1, *a.shape[axis + 1 :]) for a in arrays]
        shape = np.broadcast_shapes(*lines)
        laid = [
            np.broadcast_to(a, (*shape[:axis], n, *shape[axis + 1 :]))
            for a, n in zip(arrays, lengths)
        ]
        ends[name] = thinned(np.concatenate(laid, axis), [axis])
    exact = all(part.exact for part in parts if part is not None)
    return Field(ends["low"], ends["high"], None, exact)


def united(fields: Sequence[Field], shape: Sequence[int]) -> tuple[Field, str]:
    """The field of a sum of arrays of `shape`, and a remark if their nominal fields do not fit."""
    first, *rest = fields
    low, high, nominal, said = first.low, first.high, first.nominal, ""
    for field in rest:
        low, high = np.minimum(low, field.low), np.maximum(high, field.high)
        if nominal is not None and field.nominal is not None:
            nominal, words = nominal.joined(field.nominal, shape)
            said = said or words
        else:
            nominal = None
    exact = all(field.exact for field in fields)
    return capped(Field(low, high, nominal, exact)), said


def wholly(field: Field, shape: Sequence[int], rank: int, exact: bool) -> Field:
    """The field of an array of `rank` whose every unit reads a whole array of `shape`."""
    field = reduced(field, range(len(shape)), shape)
    field = field.changed(lambda ends, _: ends.reshape((1,) * rank))
    field = field.nominally(lambda nominal: nominal.placed(rank, {}))
    return replace(field, exact=field.exact and exact)


def capped(field: Field) -> Field:
    """The field; if it holds too many intervals, one for all units along its longest axes."""
    while field.low.size > MOST:
        axis = int(np.argmax(field.low.shape))
        field = replace(
            field,
            low=field.low.min(axis, keepdims=True),
            high=field.high.max(axis, keepdims=True),
            exact=False,
        )
    return field
