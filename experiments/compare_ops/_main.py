"""The run: compare each case and write it down; then make tables, plots and a page."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jax import experimental
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments.compare_ops._config import Config as Config
from experiments.compare_ops.clocks import pytorch, rulers
from experiments.compare_ops.layers import comparison
from experiments.compare_ops.layers.case import Case
from experiments.compare_ops.layers.layer import Layer
from experiments.compare_ops.output import kinds, own, page, plots, results, tables
from experiments.compare_ops.steps import training
from experiments.compare_ops.steps.training import Step

WIDTH = 150
BUSY = 0.7  # the load from which others take a core of two for most of the time
FEW = 10  # so many cases need no table of the slowest


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    folder: Path
    results: tuple[Case, ...] | tuple[Step, ...]
    finished: bool
    """False if it was interrupted: then `results` are those of the finished cases."""


def main(config: Config) -> Result:
    """Compare, write everything down, print tables."""
    console = Console()
    if not console.is_terminal:  # a file or a notebook scrolls
        console.width = WIDTH
    if config.everything:
        return everything(config, console)
    chosen = () if config.steps else config.chosen_layers()  # before it makes a folder
    folder = results.open_folder(config.out)
    head = {"config": dataclasses.asdict(config), "about": results.about()}
    if (head["about"]["load"] or 0) > BUSY:
        load = f"{head['about']['load']:.1f}"
        console.print(
            f"Other processes keep this machine busy (load {load}), and disturb the times."
        )
    if config.steps:
        return steps(config, folder, head, console)
    return layers(chosen, config, folder, head, console)


def everything(config: Config, console: Console) -> Result:
    """Compare the layers, then the training steps, each in a folder of the run's."""
    folder = results.open_folder(config.out)
    found = []
    for name in ("layers", "steps"):
        options = {"everything": False, "steps": name == "steps", "out": folder / name}
        options["algorithms"] = ",".join(config.chosen_algorithms())
        found.append(main(dataclasses.replace(config, **options)))
        if not found[-1].finished:
            break
    both = tuple(result for part in found for result in part.results)
    return Result(folder, both, all(part.finished for part in found))


def layers(
    chosen: Sequence[Layer], config: Config, folder: Path, head: dict[str, Any], console: Console
) -> Result:
    """Compare the sides of layers."""
    algorithms = config.chosen_algorithms()
    jobs = [(layer, side) for layer in chosen for side in layer.sides]
    best = rulers.measure(small=config.smoke)
    head["rulers"] = dataclasses.asdict(best)
    with pytorch_process(config, console) as torch:
        head["torch"] = torch and torch.about

        def compare(job) -> Case:
            nonlocal torch
            with float64() if job[0].dtype == "float64" else contextlib.nullcontext():
                case = comparison.compare(*job, algorithms, config.effort(), best, torch)
            if torch is not None and not torch.alive:
                reason = case.measurements[-1].reason
                console.print(f"{case.name}: {reason}. It goes on without.", markup=False)
                torch = None
            return case

        cases, finished = each(jobs, compare, folder, head, console)
    if cases:
        main_one = algorithms[0]
        plots.ratios(folder / "ratios.png", cases, main_one)
        plots.roofline(folder / "roofline.png", cases, main_one, best)
        pictures = {
            "ratios.png": f"The built-in's time over that of {main_one}, for each layer and side.",
            "roofline.png": "What each convolution reaches, and what limits it.",
        }
        page.write(folder, head, tables.every_measurement(cases), pictures)
        for table in on_screen(config, cases, console.width):
            console.print(table)
        console.print(kinds.share_of_peak(cases, main_one, best.peak_flops_per_second))
        console.print(str(best))
    return ended(Result(folder, tuple(cases), finished), head, console)


def on_screen(config: Config, cases: Sequence[Case], width: int) -> Iterator[Table]:
    """The tables to print: of each layer, of each kind, and of the slowest cases."""
    algorithms = config.chosen_algorithms()
    if config.own:
        yield from own.by_layer(cases)
    else:
        if config.random is None:
            yield tables.by_case(cases, algorithms, width)
        yield tables.geometric_means(cases, algorithms)
    if len(cases) > FEW:
        yield kinds.by_kind(cases, algorithms[0])
        for ruler, ratio in kinds.rulers(algorithms[0]).items():
            if any(map(ratio, cases)):
                yield kinds.worst(cases, algorithms[0], ruler)


def steps(config: Config, folder: Path, head: dict[str, Any], console: Console) -> Result:
    """Compare whole training steps."""
    algorithms = config.chosen_algorithms()
    with pytorch_process(config, console, pytorch.OF_STEPS) as torch:
        head["torch"] = torch and torch.about

        def compare(network) -> Step:
            running = torch if torch is not None and torch.alive else None
            return training.compare(network, algorithms, config.effort(), config.smoke, running)

        done, finished = each(config.chosen_networks(), compare, folder, head, console)
    if done:
        page.write(folder, head, tables.every_step(done), {})
        console.print(tables.by_step(done))
    return ended(Result(folder, tuple(done), finished), head, console)


def each(
    jobs: Sequence[Any],
    compare: Callable[[Any], Any],
    folder: Path,
    head: dict[str, Any],
    console: Console,
) -> tuple[list[Any], bool]:
    """The results of all jobs, or of those finished before Ctrl-C; and whether these are all."""
    done, start = [], time.perf_counter()
    results.write(folder, head, done, finished=False)
    try:
        for job in track(jobs, "comparing", console=console, transient=True):
            done.append(compare(job))
            results.write(folder, head, done, finished=False)
    except KeyboardInterrupt:
        console.print(f"Interrupted: {len(done)} of {len(jobs)} cases are done.")
        return done, False
    results.write(folder, head, done, finished=True)
    seconds = time.perf_counter() - start
    console.print(f"{len(done)} cases in {seconds:.0f} s, {seconds / len(done):.1f} s for each")
    return done, True


@contextlib.contextmanager
def pytorch_process(
    config: Config, console: Console, script: Path = pytorch.OF_LAYERS
) -> Iterator[pytorch.TorchWorker | None]:
    """PyTorch in a process of its own; None if it cannot be, with a printed line that says why."""
    worker = None
    if config.torch and jax.default_backend() not in ("cpu", "gpu"):
        console.print("PyTorch is compared on CPU and GPU only, so it is left out.")
    elif config.torch and not pytorch.is_installed():
        console.print(pytorch.HOW_TO_GET_IT, markup=False)
    elif config.torch:
        try:
            worker = pytorch.TorchWorker(script)
        except pytorch.TorchError as error:
            console.print(f"{error}. It goes on without.", markup=False)
    try:
        yield worker
    finally:
        if worker is not None:
            worker.close()


def float64() -> contextlib.AbstractContextManager:
    """Let JAX compute in float64 inside."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return experimental.enable_x64(True)  # before jax 0.8


def ended(result: Result, head: dict[str, Any], console: Console) -> Result:
    """Print where the run took place and what it wrote."""
    about = head["about"]
    files = ", ".join(sorted(file.name for file in result.folder.iterdir()))
    console.print(f"{about['device']}, {about['cores']} cores, jax {about['versions']['jax']}")
    console.print(f"written to {result.folder}: {files}", soft_wrap=True)
    return result
