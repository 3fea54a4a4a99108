"""A profile of a few training steps, and the numbers of a run for TensorBoard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from cnn_jax.training import Record
from experiments.running.options import RunError


@contextmanager
def profiling(folder: Path, *, on: bool) -> Iterator[Callable[[int], None]]:
    """Trace the steps between the first and the second report of `fit`: about 2 seconds.

    The first ones, which compile, are left out. TensorBoard and xprof show the trace.

    Args:
        folder: to write to.
        on: whether anything is traced.

    Yields:
        A function for `fit`'s `report`.
    """
    running, done = False, not on

    def report(made: int) -> None:
        nonlocal running, done
        if running:
            jax.profiler.stop_trace()
            running, done = False, True
        elif not done:
            jax.profiler.start_trace(str(folder))
            running = True

    try:
        yield report
    finally:
        if running:
            jax.profiler.stop_trace()


@contextmanager
def tensorboard(folder: Path, *, on: bool) -> Iterator[Callable[[Record], None]]:
    """Write the numbers of each epoch for TensorBoard.

    Args:
        folder: to write to.
        on: whether anything is written.

    Yields:
        A function that takes the record of an epoch.

    Raises:
        RunError: tensorboardX is not installed.
    """
    if not on:
        yield lambda record: None
        return
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise RunError(
            "`--tensorboard` needs tensorboardX, which is not installed: "
            "pip install 'cnn-jax[tensorboard]'"
        ) from error
    writer = SummaryWriter(str(folder))

    def write(record: Record) -> None:
        for name, value in record.items():
            if name not in ("epoch", "step"):
                split, _, what = name.partition("_")
                writer.add_scalar(f"{what}/{split}" if what else name, value, record["step"])

    try:
        yield write
    finally:
        writer.close()
