"""A run's folder, its result, its devices, and how its command ends."""

import dataclasses
import errno
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jax
import tyro
from rich.console import Console

from cnn_jax import data, files, training
from experiments.running.options import Hosts, RunError, option, require

# The options that are not saved with a run; all others must stay the same when it is resumed.
PASSING = (
    *("workdir", "resume", "devices", "folder", "coordinator", "processes", "process"),
    *("threads", "workers", "save_every", "profile", "tensorboard"),
)


def run(
    main: Callable[[Any], Any],
    config_class: type,
    description: str | None,
    parse: Callable[[str], Any] | None = None,
) -> None:
    """Read the command line and run `main`; print one line for an error that a user can mend.

    Args:
        main: takes a configuration.
        config_class: of the configuration, a dataclass.
        description: for ``--help``.
        parse: reads the command line, given the description; by default tyro does, for the class.
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    resumes = any(field.name == "resume" for field in dataclasses.fields(config_class))
    hint = " With --workdir DIR --resume the run goes on from its last checkpoint."
    hint = hint if resumes else ""
    try:
        if parse is not None:
            config = parse(description or "")
        else:
            config = tyro.cli(config_class, description=description)
        keep_compiled()
        with hosts(config, hint):
            code = getattr(main(config), "exit_code", 0)
        sys.exit(code)
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


@contextmanager
def hosts(config: Any, hint: str = "") -> Iterator[None]:
    """Join the other processes that the options name, if it has such; see `training.connected`.

    Raises:
        RunError: the options are wrong, or the others cannot be reached.
    """
    with ExitStack() as stack:
        if isinstance(config, Hosts):
            named = config.coordinator, config.processes, config.process
            joined = training.connected(*named, hint=f"Start all of them again.{hint}")
            try:
                stack.enter_context(joined)
            except (ValueError, RuntimeError) as error:
                raise RunError(str(error)) from error
        yield


def keep_compiled() -> None:
    """Keep compiled programs in the cache folder, for the next start, unless JAX keeps them."""
    if jax.config.jax_compilation_cache_dir is None:
        folder = files.cache_folder() / "programs"
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def console() -> Console:
    """The screen; of several processes only the first one writes to it."""
    return Console(soft_wrap=True, quiet=jax.process_index() > 0)


def open_run(name: str, config: Any) -> tuple[Any, Path]:
    """Make the folder of a new run, or open that of the run to resume.

    Of several processes the first one makes it, in a file system that all of them see.

    Args:
        name: of the experiment.
        config: a frozen dataclass with `workdir` and `resume`.

    Returns:
        The configuration, read from the folder if the run is resumed, and the folder.

    Raises:
        RunError: if a new run's folder holds a run already, if there is no run to resume, or if one
            is resumed with other options.
    """
    processes = getattr(config, "processes", None)
    if processes not in (None, jax.process_count()):
        raise RunError(f"{processes} processes must be joined first, by `training.connected`.")
    if jax.process_index() == 0:
        config, workdir = _opened(name, config)
    else:
        workdir = config.workdir
    workdir = Path(training.from_first(str(workdir)))  # the others wait here
    if jax.process_index() > 0 and config.resume:
        config = _resumed(config, workdir / "config.json")
    return config, workdir


def _opened(name: str, config: Any) -> tuple[Any, Path]:
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
        resumed = dataclasses.replace(
            config, **{n: _tuples(v) for n, v in saved.items() if n in defaults}
        )
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
    """The options that must not change when a run is resumed, as JSON has them."""
    options = {n: v for n, v in dataclasses.asdict(config).items() if n not in PASSING}
    return json.loads(json.dumps(options, default=str))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def describe(workdir: Path, **facts: Any) -> None:
    """Add facts about a run to its config.json, such as the network that it trains.

    Args:
        workdir: the run's folder, from `open_run`.
        facts: by name, in values that JSON can hold.
    """
    if jax.process_index() > 0:  # of several processes the first one writes
        return
    file = workdir / "config.json"
    about = json.loads(file.read_text(encoding="utf-8"))
    files.replace(file, json.dumps({**about, **facts}, indent=1) + "\n")


def device() -> str:
    """The kind of device that JAX runs on, and how many there are."""
    devices = jax.devices()
    return f"{len(devices)} x {devices[0].device_kind}"


def versions() -> dict[str, str]:
    """The versions of the packages that a result depends on."""
    return {name: importlib.metadata.version(name) for name in ("cnn-jax", "jax", "flax", "optax")}


def mesh_of(devices: int | None, batch_size: int, model: int = 1) -> jax.sharding.Mesh | None:
    """The first so many devices, or all, as a mesh; None if that is one: it needs none.

    Args:
        devices: how many.
        batch_size: of the batches that they share.
        model: the size of the mesh's axis `model`.

    Raises:
        RunError: there are fewer, `model` does not divide them, they cannot share a batch, or of
            several processes some would have none.
    """
    found = jax.devices()
    count = len(found) if devices is None else devices
    if jax.process_count() > 1:
        require("--devices", count == len(found), f"all {len(found)} on several hosts", count)
    require("--devices", 1 <= count <= len(found), f"in [1, {len(found)}], as JAX finds", count)
    require("--model-axis", count % model == 0, f"a divisor of {count} devices", model)
    rule = f"a multiple of the {count // model} devices that share it, or `--devices` fewer"
    require("--batch-size", batch_size % (count // model) == 0, rule, batch_size)
    return None if count == 1 else training.make_mesh(found[:count], model=model)


def write_result(
    workdir: Path,
    config: Any,
    *,
    headline: str,
    metrics: dict[str, float],
    baseline: dict[str, float],
    seconds: float,
    finished: bool = True,
    higher_is_better: bool = True,
) -> None:
    """Write result.json: what a run reached, beside a baseline on the same held-out data.

    Of several processes the first one writes.

    Args:
        workdir: the run's folder.
        config: a frozen dataclass.
        headline: the name of the metric that counts; `metrics` and `baseline` have it.
        metrics: of the network, on held-out data.
        baseline: of a simple method, on the same data.
        seconds: of the run.
        finished: whether all of its epochs are done.
        higher_is_better: for the headline.
    """
    result = {
        "headline": {
            "name": headline,
            "value": metrics[headline],
            "baseline": baseline[headline],
            "higher_is_better": higher_is_better,
        },
        "metrics": metrics,
        "baseline": baseline,
        "seconds": seconds,
        "finished": finished,
        "config": lasting(config),
        "device": device(),
        "versions": versions(),
        "seed": config.seed,
    }
    if jax.process_index() == 0:
        files.replace(workdir / "result.json", json.dumps(result, indent=1) + "\n")
