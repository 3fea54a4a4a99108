"""The run: every case in turn, written down after each, then tables, plots and a page."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import track

from experiments.compare_ops import (
    _compare,
    _page,
    _plots,
    _record,
    _rulers,
    _steps,
    _tables,
    _torch,
)
from experiments.compare_ops._case import Case
from experiments.compare_ops._config import Config as Config
from experiments.compare_ops._steps import Step

WIDTH = 150


@dataclass(frozen=True)
class Report:
    """What a run found."""

    folder: Path
    results: tuple[Case, ...] | tuple[Step, ...]
    finished: bool
    """False if it was interrupted: then these are the cases that were done."""


def main(config: Config) -> Report:
    """Compare, write everything down, print tables."""
    console = Console()
    if not console.is_terminal:  # a file or a notebook scrolls
        console.width = WIDTH
    folder = _record.open_folder(config.out)
    head = {"config": dataclasses.asdict(config), "about": _record.about()}
    return (steps if config.steps else layers)(config, folder, head, console)


def layers(config: Config, folder: Path, head: dict[str, Any], console: Console) -> Report:
    """Compare the sides of layers."""
    algorithms = config.chosen_algorithms()
    jobs = [(layer, side) for layer in config.chosen_layers() for side in layer.sides]
    rulers = _rulers.measure(small=config.smoke)
    head["rulers"] = dataclasses.asdict(rulers)
    with pytorch(config, console) as torch:
        head["torch"] = torch and torch.about

        def compare(job) -> Case:
            nonlocal torch
            case = _compare.compare(*job, algorithms, config.effort(), rulers, torch)
            if torch is not None and not torch.alive:
                reason = case.measurements[-1].reason
                console.print(f"{case.name}: {reason}. It goes on without.", markup=False)
                torch = None
            return case

        cases, finished = each(jobs, compare, folder, head, console)
    if cases:
        plots = [folder / "ratios.png", folder / "roofline.png"]
        _plots.ratios(plots[0], cases, algorithms[0])
        _plots.roofline(plots[1], cases, algorithms[0], rulers)
        _page.write(folder / "compare_ops.html", head, _tables.every_measurement(cases), plots)
        console.print(_tables.by_case(cases, algorithms, console.width))
        console.print(_tables.geometric_means(cases, algorithms))
        console.print(_tables.worst(cases, algorithms[0]))
    return ended(Report(folder, tuple(cases), finished), head, console)


def steps(config: Config, folder: Path, head: dict[str, Any], console: Console) -> Report:
    """Compare whole training steps."""
    algorithms = config.chosen_algorithms()

    def compare(network) -> Step:
        return _steps.compare(network, algorithms, config.effort(), config.smoke)

    results, finished = each(config.chosen_networks(), compare, folder, head, console)
    if results:
        _page.write(folder / "compare_ops.html", head, _tables.every_step(results), [])
        console.print(_tables.by_step(results))
    return ended(Report(folder, tuple(results), finished), head, console)


def each(
    jobs: Sequence[Any],
    compare: Callable[[Any], Any],
    folder: Path,
    head: dict[str, Any],
    console: Console,
) -> tuple[list[Any], bool]:
    """The results of all jobs, or of those before Ctrl-C; and whether they are all."""
    results: list[Any] = []
    _record.write(folder, head, results, finished=False)
    try:
        for job in track(jobs, "comparing", console=console, transient=True):
            results.append(compare(job))
            _record.write(folder, head, results, finished=False)
    except KeyboardInterrupt:
        console.print(f"Interrupted: {len(results)} of {len(jobs)} cases are done.")
        return results, False
    _record.write(folder, head, results, finished=True)
    return results, True


@contextlib.contextmanager
def pytorch(config: Config, console: Console) -> Iterator[_torch.TorchWorker | None]:
    """PyTorch in a process of its own, or None and a line that says why."""
    worker = None
    if config.torch and jax.default_backend() not in ("cpu", "gpu"):
        console.print("PyTorch is compared on CPU and GPU only, so it is left out.")
    elif config.torch and not _torch.is_installed():
        console.print(_torch.HOW_TO_GET_IT, markup=False)
    elif config.torch:
        try:
            worker = _torch.TorchWorker()
        except _torch.TorchError as error:
            console.print(f"{error}. It goes on without.", markup=False)
    try:
        yield worker
    finally:
        if worker is not None:
            worker.close()


def ended(report: Report, head: dict[str, Any], console: Console) -> Report:
    """Say where it ran and what it wrote."""
    about = head["about"]
    files = ", ".join(sorted(file.name for file in report.folder.iterdir()))
    console.print(f"{about['device']}, {about['cores']} cores, jax {about['versions']['jax']}")
    console.print(f"written to {report.folder}: {files}", soft_wrap=True)
    return report
