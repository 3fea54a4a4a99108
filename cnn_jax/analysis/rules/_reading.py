"""Primitives that read or write at places which operands give: dynamic slices, gathers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax
import numpy as np
from jax import lax

from ..fields import (
    Field,
    Nominal,
    Seeing,
    Sight,
    along,
    capped,
    dropped,
    masked,
    reduced,
    sliced,
    sliced_into,
    spread,
    thinned,
    wholly,
)
from ..program import Rule, Rules, Step, bind


def dynamic_slice(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """A block of elements, from a known place, or else from anywhere on the axis."""
    before, after = step.inputs[0].shape, step.outputs[0].shape
    indices, result = sights[1:], dict(sights[0])
    for axis, (n, size, index) in enumerate(zip(before, after, step.inputs[1:])):
        if n == size:
            continue
        start = seeing.known(index)
        if start is None:
            seeing.remark(f"may read anywhere on axis {axis}")
        for key, field in result.items():
            if start is not None:
                place = int(np.clip(int(start), 0, n - size))
                result[key] = sliced(field, axis, place, 1, size)
            else:
                result[key] = replace(reduced(field, [axis], before), exact=False)
    return [seeing.union([result, *_scalars(indices, len(after))], after)]


def dynamic_update_slice(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """A block replaces elements at a known place, or else perhaps anywhere."""
    shape, block = step.outputs[0].shape, step.inputs[1].shape
    its, update, indices, rank = sights[0], sights[1], sights[2:], len(step.outputs[0].shape)
    starts = [seeing.known(index) for index in step.inputs[2:]]
    if any(start is None for start, n, m in zip(starts, shape, block) if n != m):
        seeing.remark("may write anywhere")
        update = {key: wholly(field, block, rank, False) for key, field in update.items()}
        return [seeing.union([its, update, *_scalars(indices, rank)], shape)]
    places = [
        0 if n == m else int(np.clip(int(start), 0, n - m))  # type: ignore[arg-type]
        for start, n, m in zip(starts, shape, block)
    ]
    inside = np.ones((1,) * rank, bool)
    for axis, (place, n, m) in enumerate(zip(places, shape, block)):
        if n != m:
            there = np.arange(n)
            inside = inside & along((there >= place) & (there < place + m), axis, rank)
    hidden = {
        key: capped(field.changed(lambda ends, nothing: masked(ends, nothing, ~inside)))
        for key, field in its.items()
    }
    placed: Sight = {}
    for key, field in update.items():
        for axis, (place, n, m) in enumerate(zip(places, shape, block)):
            if n != m:
                field = sliced_into(field, axis, place, n, m)
        placed[key] = field
    return [seeing.union([hidden, placed], shape)]


def gather(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Elements from known places, or else from anywhere on the axes that are indexed."""
    numbers, sizes = step.params["dimension_numbers"], step.params["slice_sizes"]
    before, after = step.inputs[0].shape, step.outputs[0].shape
    rank, starts = len(after), seeing.known(step.inputs[1])
    batch = [axis for axis in range(rank) if axis not in numbers.offset_dims]
    gone = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    offsets = iter(numbers.offset_dims)
    places: list[np.ndarray | None] = []
    inside = np.ones((1,) * rank, bool)
    for axis, (n, size) in enumerate(zip(before, sizes)):
        at = np.zeros((1,) * rank, np.int64)
        if axis not in gone:
            at = at + along(np.arange(size), next(offsets), rank)
        if axis in numbers.operand_batching_dims:
            which = numbers.operand_batching_dims.index(axis)
            its = numbers.start_indices_batching_dims[which]
            at = at + along(np.arange(n), batch[its], rank)
        elif axis in numbers.start_index_map and starts is None and n != size:
            places.append(None)
            continue
        elif axis in numbers.start_index_map and starts is not None:
            first = starts[..., numbers.start_index_map.index(axis)].astype(np.int64)
            shape = np.ones(rank, int)
            shape[batch] = first.shape
            first = thinned(first.reshape(shape))
            if "FILL" in str(step.params["mode"]):
                inside = inside & (first >= 0) & (first <= n - size)
            at = at + np.clip(first, 0, n - size)
        places.append(at)
    if sights[0] and any(place is None for place in places):
        seeing.remark("reads at places that depend on data or parameters")
    result: Sight = {}
    for key, field in sights[0].items():
        lost = [axis for axis, place in enumerate(places) if place is None]
        if lost:
            field = replace(reduced(field, lost, before), exact=False)
        result[key] = _picked(field, places, inside, before, rank)
    indices = {key: _indexing(f, step, batch, rank) for key, f in sights[1].items()}
    return [seeing.union([result, indices], after)]


def _indexing(field: Field, step: Step, batch: list[int], rank: int) -> Field:
    """What gathered elements see through their indices, as an embedding sees its token."""
    shape = step.inputs[1].shape
    last = len(shape) - 1  # its entries together give one place
    field = dropped(reduced(field, [last], shape), [last])
    return spread(field, rank, batch, shape[:-1])


def _picked(
    field: Field,
    places: list[np.ndarray | None],
    inside: np.ndarray,
    shape: tuple[int, ...],
    rank: int,
) -> Field:
    """The field of units gathered from `places`, an array of `rank` per axis; None: unknown."""

    def change(ends: np.ndarray, nothing: int) -> np.ndarray:
        index = tuple(
            np.zeros((1,) * rank, int) if place is None or n == 1 else place
            for place, n in zip(places, ends.shape)
        )
        picked = ends[index] if index else ends.reshape((1,) * rank)
        return masked(picked, nothing, inside)

    def nominally(nominal: Nominal) -> Nominal | None:
        for axis in range(len(places)):
            nominal = nominal.unfolded(axis)
        result = nominal
        moved: dict[int, tuple] = {}
        for axis, place in enumerate(places):
            if not nominal.steps[axis] or place is None:
                continue
            varying = [a for a, n in enumerate(place.shape) if n > 1]
            if len(varying) > 1:
                even = _even(place, varying)
                if even is None or nominal.repeats[axis] > 1 or moved.keys() & even[1].keys():
                    return None
                first, gaps = even
                step = result.steps[axis]
                result = replace(result, start=result.start + first * step)
                moved |= {a: (gap * step, 1) for a, gap in gaps.items()}
                continue
            reads = place.ravel()
            fitted = result.fitted(axis, reads, reads, shape[axis])
            if fitted is None:
                return None
            result = fitted
            if varying:
                if varying[0] in moved:
                    return None
                moved[varying[0]] = result.steps[axis], result.repeats[axis]
        result = result.placed(rank, {})
        for axis, (step, repeats) in moved.items():
            result = result.with_step(axis, step, repeats)
        return result

    return capped(field.changed(change).nominally(nominally))


def _even(place: np.ndarray, axes: Sequence[int]) -> tuple[int, dict[int, int]] | None:
    """The first place and the gap to the next along each axis; None if gaps are not even.

    The taps of windows lie so: the gap between windows is a stride, within a window a dilation.
    """
    first = int(place.flat[0])
    even, gaps = np.array(first), {}
    for axis in axes:
        gaps[axis] = int(np.moveaxis(place, axis, 0)[1].flat[0]) - first
        even = even + along(gaps[axis] * np.arange(place.shape[axis]), axis, place.ndim)
    return (first, gaps) if (even == place).all() else None


def _scalars(sights: list[Sight], rank: int) -> list[Sight]:
    return [{key: spread(f, rank, (), ()) for key, f in sight.items()} for sight in sights]


def _gathered(step: Step, arrays: list) -> list:
    return bind(step.equation, arrays, {"fill_value": 0})


def _scattering(scatter: Callable[..., jax.Array]) -> Callable[..., list]:
    """The same scatter of other arrays; the equation itself holds a sum of the old dtype."""

    def again(step: Step, arrays: list) -> list:
        names = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")
        return [scatter(*arrays, **{name: step.params[name] for name in names})]

    return again


_SCATTERED = "add sub mul min max"
_UNITING = Rule("sums", moves=(0, 2), again=_scattering(lax.scatter_add))

RULES: Rules = {
    "dynamic_slice": Rule("moves", dynamic_slice, in_place=True),
    "dynamic_update_slice": Rule("moves", dynamic_update_slice, moves=(0, 1), in_place=True),
    "gather": Rule("moves", gather, again=_gathered),
    "scatter": Rule("moves", moves=(0, 2), again=_scattering(lax.scatter)),
    **dict.fromkeys((f"scatter-{name}" for name in _SCATTERED.split()), _UNITING),
}
