"""One epoch after another: the steps, their numbers, and what must not go on."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from .feeding import Batches
from .hosts import from_first
from .record import Record
from .step import loss_first

SECONDS = 2.0  # of steps that are asked for at once: how soon a request to stop is heard


class NonFiniteLossError(FloatingPointError):
    """The loss became NaN or infinite.

    Args:
        step: the step at fault, counted from 1.
        epoch: its epoch, counted from 1.
        examples: the indices of its batch; None if they are unknown.
    """

    def __init__(self, message: str, *, step: int, epoch: int, examples: Any = None):
        super().__init__(message)
        self.step = step
        self.epoch = epoch
        self.examples = examples

    def followed_by(self, sentence: str) -> "NonFiniteLossError":
        """The same error with another sentence."""
        return NonFiniteLossError(
            f"{self} {sentence}", step=self.step, epoch=self.epoch, examples=self.examples
        )


class Epochs:
    """The steps of a run, a few at a time, and what they measured in the running epoch."""

    def __init__(self, state: Any, step: Callable[..., Any], batches: Batches, key: jax.Array):
        self.state = state
        self.batches, self.key = batches, key
        self.made = int(state.step)
        self.measured: dict[str, np.ndarray] = {}
        self._run = batches.program(step)
        self._per_step = 0.0

    def advance(self, at_most: int) -> None:
        """Make some steps of the epoch: for about 2 seconds, and not more than `at_most`."""
        start, first = time.perf_counter(), self.made
        count = min(at_most, self.batches.steps - first % self.batches.steps)
        if self._per_step:
            count = min(count, max(1, int(SECONDS / self._per_step)))
        state, metrics = self._run(self.state, first, count, self.key)
        # All processes must make equally many steps next time.
        self._per_step = from_first((time.perf_counter() - start) / count)
        metrics = {name: np.asarray(values, np.float32) for name, values in metrics.items()}
        self._check_finite(metrics)
        self.state, self.made = state, first + count
        for name, values in metrics.items():
            before = self.measured.get(name, np.zeros(0, np.float32))
            self.measured[name] = np.concatenate([before, values])

    @property
    def at_end(self) -> bool:
        """Whether an epoch has just ended."""
        return self.made % self.batches.steps == 0

    def means(self) -> Record:
        """The means of what the epoch's steps measured, which is then forgotten."""
        measured, self.measured = self.measured, {}
        counted = 1 - measured.get("skipped", np.zeros(1, np.float32))
        if not counted.any():
            raise self._error("The loss or a gradient was not finite in any step", self.made)
        weights = np.broadcast_to(counted, measured["loss"].shape)
        means: Record = {
            f"train_{name}": float(np.average(measured[name], weights=weights))
            for name in loss_first(measured)
            if name != "skipped"
        }
        if "skipped" in measured:
            means["train_skipped"] = int(measured["skipped"].sum())
        return means

    def check_evaluation(self, record: Mapping[str, Any]) -> None:
        """Refuse a loss of an evaluation that is not finite."""
        for name, value in record.items():
            if name.endswith("_loss") and not np.isfinite(value):
                raise self._error(f"{name} became {value} after step {self.made}", self.made)

    def _check_finite(self, metrics):
        if "loss" not in metrics:
            raise ValueError("`step` must return a metric called 'loss'.")
        bad = np.flatnonzero(~np.isfinite(metrics["loss"]))
        if len(bad):
            step = self.made + int(bad[0]) + 1
            loss = metrics["loss"][bad[0]]
            raise self._error(f"The training loss became {loss} at step {step}", step)

    def _error(self, what, step):
        epoch = (step - 1) // self.batches.steps + 1
        examples = self.batches.indices(self.key, step - 1)
        which = "" if examples is None else f" Its examples are {_some(examples)}."
        return NonFiniteLossError(
            f"{what}, in epoch {epoch}.{which} Try a smaller learning rate, a warmup, or "
            "optax.clip_by_global_norm, and look for NaN in the data.",
            step=step,
            epoch=epoch,
            examples=examples,
        )


def _some(examples: np.ndarray) -> str:
    shown = ", ".join(str(int(i)) for i in examples[:8])
    return shown if len(examples) <= 8 else f"{shown}, and {len(examples) - 8} more"
