"""A convolution learns MNIST-1D's signals, and loses its lead once their positions are shuffled.

    python -m experiments.mnist1d                          150 epochs, 2 CPU cores: 0.5 minutes
    python -m experiments.mnist1d --shuffled               the same numbers in another order
    python -m experiments.mnist1d --model mlp              hardly worse shuffled than not
    python -m experiments.mnist1d --algorithm vmap         the same numbers, by the definition

A dense layer treats all positions alike, a convolution knows which are neighbors: the control of
Greydanus and Kobak, *Scaling down deep learning with MNIST-1D*, 2020, arXiv:2011.14439. Writes into
runs/mnist1d/<time>/: config.json, metrics.jsonl (a line per epoch), result.json (beside the class
with the nearest mean), weights.safetensors, curves.png, signals.png (right and wrong predictions),
checkpoints/.

2 CPU cores: 0.4 to 1.2 minutes. Draws signals.png.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import optax
from flax import nnx

from cnn_jax import data, models, training
from cnn_jax.tasks import classification
from experiments.baselines.nearest_mean import nearest_mean
from experiments.drawing import plots
from experiments.running import command
from experiments.running.options import Training
from experiments.running.run import Result, Run

MODELS = {
    "greydanus": partial(models.mnist1d_greydanus, norm="batch"),
    "greydanus_plain": models.mnist1d_greydanus,
    "prince": partial(models.mnist1d, norm="batch"),
    "dense": partial(models.mnist1d_dense, norm="batch"),
    "mlp": models.mnist1d_mlp,
    "linear": models.mnist1d_linear,
}


@dataclass(frozen=True)
class Config(Training):
    """Train a small network on MNIST-1D."""

    model: Literal["greydanus", "greydanus_plain", "prince", "dense", "mlp", "linear"] = "greydanus"
    """The authors' convolutions with batch norm, or plain as they have them; those of
    *Understanding Deep Learning* and their dense twin, with batch norm; the authors' dense layers;
    softmax regression."""
    shuffled: bool = False
    """Put the 40 positions into another order, the same for all signals."""
    batch_size: int = 100
    learning_rate: float = 0.01
    devices: int | None = 1
    """How many devices share each batch; one is enough."""


def main(config: Config) -> Result:
    """Train and evaluate one network, and write what the module's docstring lists."""
    with Run("mnist1d", config) as run:
        config = run.config
        name = "mnist1d_shuffled" if config.shuffled else "mnist1d"
        train, test = (data.load(name, split) for split in ("train", "test"))
        if config.smoke:
            train, test = (
                replace(s, images=s.images[:500], labels=s.labels[:500]) for s in (train, test)
            )
        epochs, loss = config.epochs_of(150), classification.loss()
        batches, held_out = run.batches(train, test)
        steps = max(epochs * batches.steps, 1)
        optimizer = optax.adam(optax.cosine_onecycle_schedule(steps, config.learning_rate))
        model = MODELS[config.model](rngs=nnx.Rngs(config.seed))
        state, apply = training.init(model, optimizer)
        step = training.make_step(apply, optimizer, loss)
        evaluate = training.make_evaluate(apply, loss, held_out)
        state = run.train(state, step, batches, epochs, evaluate)

        logits = training.make_predict(apply, held_out)(state)
        accuracy = float(np.mean(logits.argmax(-1) == test.labels))
        plots.curves(run.workdir / "curves.png", run.records)
        plots.signals(run.workdir / "signals.png", test, logits.argmax(-1))
        nearest = nearest_mean(train, test)
        return run.finish("accuracy", {"accuracy": accuracy}, {"accuracy": nearest})


if __name__ == "__main__":
    command.run(main, Config, __doc__)
