"""A run while it trains: what is seen of it on the screen, and the signals that stop it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cnn_jax import files, training


class Watch:
    """What is seen of a run while it trains: a bar, a line for each epoch, metrics.jsonl.

    Attributes:
        stop: for `fit`: set by Ctrl-C and SIGTERM.
    """

    def __init__(
        self,
        workdir: Path,
        batches: training.Batches,
        start: Any,
        bar: Progress,
        stop: training.Stop,
    ):
        self.stop = stop
        self.records = list(start.history) if isinstance(start, training.Progress) else []
        self._workdir, self._batches, self._bar = workdir, batches, bar
        self._task = bar.tasks[0].id
        self._write()  # a killed run may have left a line too many

    def report(self, made: int) -> None:
        """Move the bar to so many steps."""
        self._bar.update(self._task, completed=made * self._batches.batch_size)

    def epoch(self, record: training.Record) -> None:
        """Print a line for an epoch's record, and write it to metrics.jsonl."""
        self.records.append(record)
        self._write()
        self._bar.console.print(line(record), soft_wrap=True)

    def _write(self) -> None:
        lines = [json.dumps(record) + "\n" for record in self.records]
        if jax.process_index() == 0:
            files.replace(self._workdir / "metrics.jsonl", "".join(lines))


@contextmanager
def watching(
    console: Console, workdir: Path, batches: training.Batches, epochs: int, start: Any
) -> Iterator[Watch]:
    """Watch a run: a bar with examples per second and the time left, and the signals to stop.

    Args:
        console: to print to; not a terminal, it gets no bar.
        workdir: the run's folder.
        batches: of the training data.
        epochs: of the whole run.
        start: what `fit` starts from.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("examples"),
        ExamplesPerSecond(),
        TimeRemainingColumn(),
    )
    state = start.state if isinstance(start, training.Progress) else start
    total, made = epochs * batches.steps * batches.batch_size, int(state.step) * batches.batch_size
    shown = console.is_terminal or console.is_jupyter
    with (
        training.stop_on_signal() as stop,
        Progress(*columns, console=console, disable=not shown) as bar,
    ):
        bar.add_task("training", total=total, completed=made)
        yield Watch(workdir, batches, start, bar, stop)


def trained(
    console: Console,
    config: Any,
    state: Any,
    step: Callable[..., Any],
    batches: training.Batches,
    epochs: int,
    evaluate: Callable[[Any], Any],
    checkpoints: training.Checkpoints,
) -> tuple[Any, Watch]:
    """Train to the last epoch or a signal, watched, from the newest checkpoint if there is one.

    Args:
        console: to print to.
        config: a frozen dataclass with `seed`.
        state: from `training.init`.
        step: from `training.make_step`.
        batches: of the training data.
        epochs: of the whole run.
        evaluate: `state -> numbers by name`, which the records call `test_...`.
        checkpoints: of the run's folder.

    Returns:
        The newest state, and what was seen of the run.
    """
    start = checkpoints.restore(state) if checkpoints.steps() else training.Progress(state)
    newest = start.state
    with watching(console, checkpoints.directory, batches, epochs, start) as watch:
        for record, newest in training.fit(
            start,
            step,
            batches,
            epochs=epochs,
            key=jax.random.key(config.seed),
            evaluate={"test": evaluate},
            checkpoints=checkpoints,
            stop=watch.stop,
            report=watch.report,
        ):
            watch.epoch(record)
    if watch.stop.is_set():  # perhaps inside of an epoch, which has taken the state's buffers
        newest = checkpoints.restore(start.state).state
    return newest, watch


class ExamplesPerSecond(ProgressColumn):
    """The speed of the last half minute."""

    def render(self, task: Any) -> Text:
        """Write it, or nothing before it is known."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def line(record: training.Record) -> str:
    """An epoch's record as a line of text."""
    values = {n: v for n, v in record.items() if n not in ("epoch", "step", "seconds")}
    numbers = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items())
    return f"epoch {record['epoch']:3}  {numbers}  {record['seconds']:.2f} s"


def say_stopped(console: Console, name: str, workdir: Path, epochs: int, watch: Watch) -> None:
    """Say how to continue a run that was stopped before its end."""
    if watch.stop.is_set() and len(watch.records) < epochs:
        console.print(f"Stopped after epoch {len(watch.records)} of {epochs}. To continue:")
        console.print(f"    python -m experiments.{name} --workdir {workdir} --resume")
        if jax.process_count() > 1:
            console.print("in every process, each with its --coordinator, --processes, --process")
