"""A run of a command that trains a network: from its folder to its result."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import jax

from cnn_jax import functional as F
from cnn_jax import training
from experiments.running import command, watching
from experiments.running.options import said_of


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    workdir: Path
    metrics: dict[str, float]
    """Of the network, on held-out data."""
    baseline: dict[str, float]
    """Of a simple method, on the same data."""
    epochs: int
    """How many are finished."""
    seconds: float
    """Of this call, compiling, the baseline and drawing included."""
    exit_code: int = 0
    """0, or 128 + the number of the signal that stopped the run."""


class Run:
    """A run, as a context: inside of it the algorithm of its options computes.

    Args:
        name: of the experiment.
        config: its options, with those of `options.Training`.

    Attributes:
        config: the options; of a resumed run, those that it was started with.
        workdir: the folder to write into.
        mesh: of the devices that share each batch; None is one device.
        records: one for each finished epoch.

    Raises:
        RunError: the run cannot start as the options say.
    """

    def __init__(self, name: str, config: Any):
        self.begun, self.console, self.name = time.perf_counter(), command.console(), name
        self.config, self.workdir = command.open_run(name, config)
        self.mesh = command.mesh_of(self.config.devices, self.config.batch_size)
        self.records: list[training.Record] = []
        self._epochs, self._watch, self._stack = 0, None, ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(F.using(algorithm=self.config.algorithm))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def batches(self, examples: Any, held_out: Any) -> tuple[training.Batches, training.Batches]:
        """Batches of both, for `training`, of the size that the options say.

        If there are fewer held-out examples than that, their batches are smaller.

        Raises:
            RunError: there are fewer examples to train on than in one batch.
        """
        size, devices = self.config.batch_size, 1 if self.mesh is None else self.mesh.size
        few = len(jax.tree.leaves(held_out)[0])
        with said_of(batch_size="--batch-size"):
            train = training.batches(examples, size, mesh=self.mesh)
        return train, training.batches(held_out, min(size, few - few % devices), mesh=self.mesh)

    def train(
        self,
        state: Any,
        step: Callable[..., Any],
        batches: training.Batches,
        epochs: int,
        evaluate: Callable[[Any], Any],
        *,
        best: str | None = None,
    ) -> Any:
        """Train to the last epoch or a signal, watched, and save; see `watching.trained`.

        Args:
            state: from `training.init`.
            step: from `training.make_step`.
            batches: of the training data.
            epochs: of the whole run.
            evaluate: `state -> numbers by name`, which the records call `test_...`.
            best: of which number, such as ``"test_loss"``, the best weights are kept too.

        Returns:
            The newest state.
        """
        checkpoints = training.Checkpoints(
            self.workdir,
            config=command.lasting(self.config),
            best=None if best is None else training.Best(best),
        )
        state, self._watch = watching.trained(
            self.console, self.config, state, step, batches, epochs, evaluate, checkpoints
        )
        self.records, self._epochs = self._watch.records, epochs
        return state

    def finish(
        self,
        headline: str,
        metrics: Mapping[str, float],
        baseline: Mapping[str, float],
        *,
        higher_is_better: bool = True,
    ) -> Result:
        """Write result.json and print what is in it.

        Args:
            headline: the name of the number that counts, in both.
            metrics: of the network, on held-out data.
            baseline: of a simple method, on the same data; numbers of other methods besides may
                have names of their own.
            higher_is_better: for the headline.
        """
        seconds = time.perf_counter() - self.begun
        metrics, baseline = ({n: float(v) for n, v in d.items()} for d in (metrics, baseline))
        command.write_result(
            self.workdir,
            self.config,
            headline=headline,
            metrics=metrics,
            baseline=baseline,
            seconds=seconds,
            finished=len(self.records) >= self._epochs,
            higher_is_better=higher_is_better,
        )
        code = 0
        if self._watch is not None:
            code = self._watch.stop.exit_code
            watching.say_stopped(self.console, self.name, self.workdir, self._epochs, self._watch)
        names = list(dict.fromkeys([headline, *metrics, *baseline]))
        width = max(map(len, names))
        self.console.print(f"{'held-out data':{width}}   network  baseline")
        for name in names:
            cells = [f"{d[name]:8.4f}" if name in d else " " * 8 for d in (metrics, baseline)]
            self.console.print(f"{name:{width}}  {'  '.join(cells)}".rstrip())
        self.console.print(f"{seconds:.1f} s, files in {self.workdir}")
        return Result(self.workdir, metrics, baseline, len(self.records), seconds, code)
