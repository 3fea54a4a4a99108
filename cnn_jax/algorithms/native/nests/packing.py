"""Copies that put what a block reads side by side, zeros for padding and remainders included."""

from ..llvm.language import Array, Code, Int, Number


def rows(
    code: Code,
    source: Array,
    target: Array,
    first: Int,
    columns: Int,
    length: Int,
    channels: Number,
    source_step: Number,
    target_step: Number,
) -> None:
    """Copy the columns first, first + 1, ... of one row, zeros where the row has none.

    Args:
        source: the row's first element of the channels to copy.
        target: where to write.
        first: the first column; negative before the row's start.
        columns: how many columns to write.
        length: the number of columns that the row has.
        channels: how many channels of each column to copy.
        source_step, target_step: elements from one column to the next.
    """
    start = code.larger(0, code.smaller(0 - first, columns))
    stop = code.larger(start, code.smaller(length - first, columns))
    for begin, end in ((code.number(0), start), (stop, columns)):
        with code.loop(begin, end) as column:
            place = target.at(column * target_step)
            with vectors(code, channels) as (c, keep):
                place.store(c, code.zeros(), keep)
    source_step, channels = code.number(source_step), code.number(channels)
    dense = source_step.equals(channels) & channels.equals(target_step)
    inner = source.at((first + start) * source_step)
    with code.when(dense):
        copy(code, inner, target.at(start * target_step), (stop - start) * channels)
    with code.otherwise(dense), code.loop(0, stop - start) as column:
        copy(
            code,
            inner.at(column * source_step),
            target.at((start + column) * target_step),
            channels,
        )


def columns(
    code: Code,
    source: Array,
    target: Array,
    first: Int,
    count: Int,
    length: Int,
    channels: Number,
    source_step: Number,
    width: int,
) -> None:
    """As `rows`, for a target whose columns are `width` elements: copy at most that many channels.

    What is not copied of a column stays as it is.
    """
    start = code.larger(0, code.smaller(0 - first, count))
    stop = code.larger(start, code.smaller(length - first, count))
    starts = range(0, width, code.lanes)
    masks = [code.larger(code.smaller(channels, width) - i, 0) for i in starts]
    for begin, end in ((code.number(0), start), (stop, count)):
        with code.loop(begin, end) as column:
            for i, keep in zip(starts, masks):
                target.store(column * width + i, code.zeros(), keep)
    with code.loop(start, stop) as column:
        for i, keep in zip(starts, masks):
            element = source.load((first + column) * source_step + i, keep)
            target.store(column * width + i, element, keep)


def copy(code: Code, source: Array, target: Array, count: Int) -> None:
    """Copy `count` elements."""
    lanes = code.lanes
    whole = count - count % lanes
    with code.loop(0, whole, lanes) as i:
        target.store(i, source.load(i))
    with code.when(whole < count):
        target.store(whole, source.load(whole, count - whole), count - whole)


class vectors:
    """Loop over `count` elements by vectors: (first element, how many are left to keep)."""

    def __init__(self, code: Code, count: Number):
        self.code, self.loop, self.count = code, code.loop(0, count, code.lanes), count

    def __enter__(self):
        first = self.loop.__enter__()
        return first, self.code.number(self.count) - first

    def __exit__(self, *error):
        return self.loop.__exit__(*error)
