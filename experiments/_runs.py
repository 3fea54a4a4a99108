"""A run's folder, its progress on the screen, and how it ends: what training experiments share."""

import dataclasses
import errno
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cnn_jax import data, files, training
from experiments._options import RunError, option

# The options that are not saved with a run; all others must stay the same when it is resumed.
PASSING = ("workdir", "resume")


def run(main: Callable[[Any], Any], config_class: type, description: str) -> None:
    """Read the command line and run `main`; print one line for an error that a user can mend."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    resumes = any(field.name == "resume" for field in dataclasses.fields(config_class))
    hint = " With --workdir DIR --resume the run goes on from its last checkpoint."
    hint = hint if resumes else ""
    try:
        main(tyro.cli(config_class, description=description))
    except KeyboardInterrupt:
        console.print(f"Stopped at once.{hint}")
        sys.exit(130)
    except (
        RunError,
        OSError,  # a folder that cannot be written, a full disk
        data.DamagedFileError,
        data.DownloadError,
        training.CheckpointError,
        training.NonFiniteLossError,
    ) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        console.print(f"error: {error}{f'. Make room.{hint}' if full else ''}", markup=False)
        sys.exit(1)


def open_run(name: str, config: Any) -> tuple[Any, Path]:
    """Make the folder of a new run, or open that of the run to resume.

    Args:
        name: of the experiment.
        config: a frozen dataclass with `workdir` and `resume`.

    Returns:
        The configuration, read from the folder if the run is resumed, and the folder.

    Raises:
        RunError: if a new run's folder holds a run already, if there is no run to resume, or if one
            is resumed with other options.
    """
    if config.workdir is None:
        if config.resume:
            raise RunError("`--resume` needs `--workdir`, the folder of the run to continue.")
        workdir = Path("runs") / name / time.strftime("%Y-%m-%d_%H-%M-%S")
        while workdir.exists():  # two runs in one second
            workdir = workdir.with_name(workdir.name + "+")
    else:
        workdir = Path(config.workdir).expanduser()
    file = workdir / "config.json"
    if config.resume:
        return _resumed(config, file), workdir
    if any(workdir.glob("checkpoints/*")):
        raise RunError(
            f"{workdir} holds a run already. Add `--resume` to continue it, or choose another "
            "`--workdir`."
        )
    workdir.mkdir(parents=True, exist_ok=True)
    about = {"config": lasting(config), "device": device(), "versions": versions()}
    files.replace(file, json.dumps(about, indent=1) + "\n")
    return config, workdir


def _resumed(config: Any, file: Path) -> Any:
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))["config"]
    except FileNotFoundError:
        raise RunError(f"There is no run to resume in {file.parent}: no config.json.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        saved = None
    if not isinstance(saved, dict):
        raise RunError(f"{file} is damaged: it does not hold a run's configuration.")
    defaults = lasting(type(config)())
    try:
        resumed = dataclasses.replace(config, **{n: v for n, v in saved.items() if n in defaults})
    except RunError as error:
        raise RunError(f"{file} is damaged: {error}") from error
    for name, given in lasting(config).items():
        if given not in (saved.get(name), defaults[name]):
            raise RunError(
                f"`{option(name)}` was {saved.get(name)} in {file}, and a resumed run keeps it; "
                f"got {given}. Leave it out, or start a new run."
            )
    return resumed


def lasting(config: Any) -> dict[str, Any]:
    """The options that must not change when a run is resumed."""
    return {n: v for n, v in dataclasses.asdict(config).items() if n not in PASSING}


def device() -> str:
    """The kind of device that JAX runs on, and how many there are."""
    devices = jax.devices()
    return f"{len(devices)} x {devices[0].device_kind}"


def versions() -> dict[str, str]:
    """The versions of the packages that a result depends on."""
    return {name: importlib.metadata.version(name) for name in ("cnn-jax", "jax", "flax", "optax")}


def write_metrics(workdir: Path, history: Sequence[training.EpochRecord]) -> None:
    """Write the whole metrics.jsonl, a line per epoch: a killed run may have left one too many."""
    lines = [json.dumps(dataclasses.asdict(record)) + "\n" for record in history]
    files.replace(workdir / "metrics.jsonl", "".join(lines))


@contextmanager
def progress(
    console: Console, epochs: int, finished: int
) -> Iterator[Callable[[training.EpochRecord], None]]:
    """Show a progress bar; yield a function that prints a line for an epoch's record."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("compiling", total=epochs, completed=finished)

        def report(record: training.EpochRecord) -> None:
            bar.console.print(
                f"epoch {record.epoch:3}  training loss {record.train_loss:.4f}  "
                f"test loss {record.test_loss:.4f}  accuracy {record.test_accuracy:.4f}  "
                f"{record.seconds:.2f} s",
                soft_wrap=True,
            )
            bar.update(task, advance=1, description="training")

        yield report
