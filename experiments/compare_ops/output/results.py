"""The folder of a run, facts about its machine, and the file of its results."""

import dataclasses
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from cnn_jax import files
from experiments.running import command
from experiments.running.options import require

RESULTS = "results.json"


def open_folder(out: Path | None) -> Path:
    """Make the folder of a run.

    Raises:
        RunError: if there is a file of that name, or a run in it already.
    """
    started = Path("runs/compare_ops") / time.strftime("%Y-%m-%d_%H-%M-%S")
    folder = Path(out or started).expanduser()
    require("--out", not folder.is_file(), "a folder, not a file", folder)
    new = not (folder / RESULTS).exists()
    require("--out", new, f"a folder that holds no {RESULTS} yet", folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def about() -> dict[str, Any]:
    """Facts about the machine and the software of this run."""
    affinity = getattr(os, "sched_getaffinity", None)  # macOS has none
    return {
        "device": command.device(),
        "platform": jax.default_backend(),
        "machine": platform.machine(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,  # Windows has none
        "python": platform.python_version(),
        "versions": command.versions(),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def write(folder: Path, head: dict[str, Any], results: Sequence[Any], finished: bool) -> None:
    """Write all results so far into results.json, completely or not at all.

    Args:
        folder: of the run.
        head: facts about the run.
        results: of the finished cases, dataclasses.
        finished: whether these are all.
    """
    content = {**head, "finished": finished, "results": [dataclasses.asdict(r) for r in results]}
    text = json.dumps(content, indent=1, allow_nan=False, default=str)
    files.replace(folder / RESULTS, text + "\n")
