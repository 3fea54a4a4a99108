"""A convolution learns MNIST-1D's signals, and loses its lead once their positions are shuffled.

    python -m experiments.mnist1d                          2 CPU cores: 0.5 minutes
    python -m experiments.mnist1d --shuffled               the same numbers in another order
    python -m experiments.mnist1d --model mlp              hardly worse shuffled than not
    python -m experiments.mnist1d --algorithm vmap         the same numbers, by the definition

A dense layer treats all positions alike, a convolution knows which are neighbors: the control of
Greydanus and Kobak, *Scaling down deep learning with MNIST-1D*, 2020, arXiv:2011.14439. Writes into
runs/mnist1d/<time>/: config.json, metrics.jsonl (a line per epoch), result.json (beside the class
with the nearest mean), weights.safetensors, curves.png, signals.png (right and wrong predictions),
checkpoints/.
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import optax
from flax import nnx
from rich.console import Console

from cnn_jax import data, models, training
from cnn_jax import functional as F
from cnn_jax.tasks import classification
from experiments import _pictures, _runs, _watching
from experiments._baselines import nearest_mean
from experiments._options import require, require_types

MODELS = {
    "greydanus": partial(models.mnist1d_greydanus, norm="batch"),
    "greydanus_plain": models.mnist1d_greydanus,
    "prince": partial(models.mnist1d, norm="batch"),
    "dense": partial(models.mnist1d_dense, norm="batch"),
    "mlp": models.mnist1d_mlp,
    "linear": models.mnist1d_linear,
}
BATCH = 100  # as the authors: 6,000 steps of Adam with rates up to 0.01
RATE = 0.01


@dataclass(frozen=True)
class Config:
    """Train a small network on MNIST-1D."""

    model: Literal["greydanus", "greydanus_plain", "prince", "dense", "mlp", "linear"] = "greydanus"
    """The authors' convolutions with batch norm, or plain as they have them; those of
    *Understanding Deep Learning* and their dense twin, with batch norm; the authors' dense layers;
    softmax regression."""
    shuffled: bool = False
    """Put the 40 positions into another order, the same for all signals."""
    epochs: int | None = None
    """Passes over the 4,000 training signals; by default 150, or 2 with --smoke."""
    seed: int = 0
    """Decides the initialization and the order of the signals."""
    algorithm: Literal["auto", "xla", "vmap"] = "auto"
    """The algorithm of convolution."""
    devices: int = 1
    """How many devices share each batch of 100; one is enough."""
    workdir: Path | None = None
    """Write straight into this folder; by default runs/mnist1d/<time>."""
    resume: bool = False
    """Continue the run that is in `workdir`, to the same bits as if it had not stopped."""
    smoke: bool = False
    """Only 500 signals of each split, and 2 epochs by default: to see that everything works."""

    def __post_init__(self):
        require_types(self)
        require("--epochs", 0 <= (self.epochs or 0) <= 10**5, "in [0, 100000]", self.epochs)
        shared = self.devices >= 1 and BATCH % self.devices == 0
        require("--devices", shared, f"a divisor of {BATCH}, the batch", self.devices)
        require("--seed", 0 <= self.seed < 2**32, "in [0, 2**32)", self.seed)


@dataclass(frozen=True)
class Result:
    """The result of a run: its folder, the accuracy on all test signals, how it ended."""

    workdir: Path
    test_accuracy: float
    epochs: int
    exit_code: int = 0
    """0, or 128 + the number of the signal that stopped the run."""


def main(config: Config) -> Result:
    """Train and evaluate one network, and write what the module's docstring lists."""
    begun, console = time.perf_counter(), Console()
    config, workdir = _runs.open_run("mnist1d", config)
    name = "mnist1d_shuffled" if config.shuffled else "mnist1d"
    train, test = (data.load(name, split) for split in ("train", "test"))
    if config.smoke:
        train, test = (
            replace(s, images=s.images[:500], labels=s.labels[:500]) for s in (train, test)
        )
    epochs = (2 if config.smoke else 150) if config.epochs is None else config.epochs

    mesh, loss = _runs.mesh_of(config.devices, BATCH), classification.loss()
    batches, held_out = (training.batches(d, BATCH, mesh=mesh) for d in (train, test))
    schedule = optax.cosine_onecycle_schedule(max(epochs * batches.steps, 1), RATE)
    model, optimizer = MODELS[config.model](rngs=nnx.Rngs(config.seed)), optax.adam(schedule)
    state, apply = training.init(model, optimizer)
    step = training.make_step(apply, optimizer, loss)
    evaluate = training.make_evaluate(apply, loss, held_out)

    checkpoints = training.Checkpoints(workdir, config=_runs.lasting(config))
    with F.using(algorithm=config.algorithm):
        state, watch = _watching.trained(
            console, config, state, step, batches, epochs, evaluate, checkpoints
        )
        logits = training.make_predict(apply, held_out)(state)

    accuracy = float(np.mean(logits.argmax(-1) == test.labels))
    _pictures.curves(workdir / "curves.png", watch.records)
    _pictures.signals(workdir / "signals.png", test, logits.argmax(-1))
    _runs.write_result(
        workdir,
        config,
        headline="accuracy",
        metrics={"accuracy": accuracy},
        baseline={"accuracy": nearest_mean(train, test)},
        seconds=time.perf_counter() - begun,
    )
    _watching.say_stopped(console, "mnist1d", workdir, epochs, watch)
    console.print(f"test accuracy {accuracy:.4f}, files in {workdir}")
    return Result(workdir, accuracy, len(watch.records), watch.stop.exit_code)


if __name__ == "__main__":
    _runs.run(main, Config, __doc__)
