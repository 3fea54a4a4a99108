"""PyTorch as a second reference, in a process of its own.

In one process the thread pools of PyTorch and JAX disturb each other. The worker reads a layer
and its side, or a network, as a line of JSON, and answers with a line of JSON; one process waits
while the other runs.
"""

import contextlib
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.compare_ops.layers.layer import Layer, Side

OF_LAYERS = Path(__file__).with_name("pytorch_worker.py")
OF_STEPS = Path(__file__).parents[1] / "steps" / "pytorch_worker.py"
HOW_TO_GET_IT = "PyTorch is not installed, so it is left out; `pip install -e '.[parity]'` adds it."


class TorchError(RuntimeError):
    """PyTorch cannot compute a case, or its process is gone."""


def is_installed() -> bool:
    """Whether this interpreter has PyTorch, checked without importing it."""
    return importlib.util.find_spec("torch") is not None


class TorchWorker:
    """A process that times PyTorch when asked; it ends with `close` or when this one does."""

    def __init__(self, worker: Path = OF_LAYERS, command: tuple[str, ...] | None = None):
        """Start it, and wait until it has imported PyTorch.

        Args:
            worker: the script that it runs: `OF_LAYERS` or `OF_STEPS`.
            command: another command in its place.

        Raises:
            TorchError: if it ends before that.
        """
        command = command or (sys.executable, "-P", str(worker))
        self._folder = tempfile.TemporaryDirectory(prefix="compare_ops_")
        self._files = Path(self._folder.name)
        self._complaints = self._files / "stderr"
        with self._complaints.open("w") as complaints:
            self._process = subprocess.Popen(
                [*command, jax.default_backend()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                start_new_session=True,  # Ctrl-C is for the parent
            )
        try:
            self.about = self._answer()
        except TorchError:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def time(
        self, layer: Layer, side: Side, seconds: float, at_least: int
    ) -> tuple[list[float], np.ndarray]:
        """The seconds of each run of a layer's side, and its result in our layout.

        Raises:
            TorchError: if PyTorch has no such layer, or the process died.
        """
        window, file = layer.window, self._files / "result.npy"
        times = self._times(
            operation=layer.operation,
            side=side,
            shapes=layer.shapes(),
            size=window.size,
            stride=window.stride,
            padding=window.padding,
            dilation=window.dilation,
            base_dilation=window.base_dilation,
            groups=layer.groups,
            dtype=layer.dtype,
            seconds=seconds,
            at_least=at_least,
            result=str(file),
        )
        return times, np.load(file)

    def time_steps(
        self,
        network: str,
        x: tuple[int, ...],
        parameters: Sequence[np.ndarray],
        rate: float,
        seconds: float,
        at_least: int,
    ) -> tuple[list[float], list[np.ndarray]]:
        """The seconds of training steps of a network, and its parameters after the first of them.

        Args:
            network: its name.
            x: the shape of a batch of images.
            parameters: those that it starts from, in our layout.
            rate: by which gradients are multiplied.
            seconds: how long to make steps; a second call for the same network goes on.
            at_least: how many steps at least.

        Raises:
            TorchError: if PyTorch fails, or the process died.
        """
        start, after = self._files / f"{network}.npz", self._files / "after.npz"
        if not start.exists():
            np.savez(start, *parameters)
        times = self._times(
            network=network,
            x=x,
            parameters=str(start),
            rate=rate,
            seconds=seconds,
            at_least=at_least,
            result=str(after),
        )
        with np.load(after) as arrays:
            return times, [arrays[name] for name in arrays.files]

    def _times(self, **request: Any) -> list[float]:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise TorchError(self._why_it_died()) from None
        return self._answer()["seconds"]

    def close(self) -> None:
        """End the process and remove its files."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # a request that it never read
                pipe.close()
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except ValueError:
            raise TorchError(self._why_it_died()) from None
        if "error" in answer:
            raise TorchError(answer["error"])
        return answer

    def _why_it_died(self) -> str:
        self._process.terminate()
        status = self._process.wait()
        lines = self._complaints.read_text(encoding="utf-8").strip().splitlines()
        return f"PyTorch's process ended with status {status}: {lines[-1] if lines else 'no word'}"
