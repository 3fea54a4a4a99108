"""A DCGAN or a variational autoencoder learns to make new garments.

    python -m experiments.synthesize                 a DCGAN, 20 epochs, 2 CPU cores
    python -m experiments.synthesize --model vae     a variational autoencoder
    python -m experiments.synthesize --smoke         does everything work?

Made images are measured by the Frechet distance between their features and those of held-out
images, in a LeNet that learns the classes first. It is read beside that of images drawn from the
normal distribution of all pixels, of noise, and of real images: training images against held-out
ones, and one half of these against the other. Distances in other features, such as those of
Inception, are other numbers.

Writes into runs/synthesize/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, classifier.safetensors, curves.png, samples.png (by class), neighbors.png (the
nearest training images: no copies), walks.png (from one garment to another), baseline.png,
checkpoints/; of the autoencoder also restored.png. The same command runs on a GPU or a TPU.

2 CPU cores: 2 minutes. Draws samples.png.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import jax
import numpy as np

from cnn_jax import data, training
from experiments.drawing import plots, synthesized
from experiments.running import command, judging
from experiments.running.makers import MAKERS
from experiments.running.options import Training, require
from experiments.running.run import Result, Run

EPOCHS = 20
SAMPLES = 2000  # that are measured
FEW = 64  # images of each kind, with --smoke
WALKS = 6  # that are drawn


@dataclass(frozen=True)
class Config(Training):
    """Train a network that makes garments."""

    model: Literal["dcgan", "vae"] = "dcgan"
    """Two networks against each other, or a variational autoencoder."""
    dataset: Literal["fashion_mnist_small", "fashion_mnist"] = "fashion_mnist_small"
    """The 7,000 images of the package, or all 70,000."""
    channels: int = 32
    """Of the maps of 14 x 14."""
    latent: int = 64
    """How many numbers an image is made of."""
    batch_size: int = 64
    learning_rate: float = 1e-3

    def __post_init__(self):
        super().__post_init__()
        require("--channels", 1 <= self.channels <= 1024, "in [1, 1024]", self.channels)
        require("--latent", 1 <= self.latent <= 4096, "in [1, 4096]", self.latent)


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("synthesize", config) as run:
        config = run.config
        train, held_out = (split(config, name) for name in ("train", "test"))
        real, unseen = (of.images.astype(np.float32) / 255 for of in (train, held_out))
        file, steps = run.workdir / "classifier.safetensors", 10 if config.smoke else judging.STEPS
        judge = judging.Judge(train, held_out, file, steps)

        epochs = config.epochs_of(EPOCHS)
        batches, _ = run.batches({"image": train.images}, {"image": held_out.images})
        maker = MAKERS[config.model](config, max(epochs * batches.steps, 1))
        count = FEW if config.smoke else SAMPLES
        latents = np.asarray(jax.random.normal(jax.random.key(1), (count, config.latent)))
        images_of = in_parts(maker.images)
        bounds_of = None if maker.bounds is None else in_parts(maker.bounds)

        def evaluate(state):
            found = judge.measure(images_of(state, latents))
            if bounds_of is not None:
                found["loss"] = float(bounds_of(state, held_out.images)["loss"].mean())
            return found

        state = run.train(maker.state, maker.step, batches, epochs, evaluate)
        made = images_of(state, latents)
        others = {
            "normal": judging.normal(real, count),
            "noise": np.random.default_rng(0).uniform(size=made.shape).astype(np.float32),
        }
        metrics = {
            **evaluate(state),
            "nearest": float(judging.nearest(made[: judging.AT_ONCE], real, 1)[1].mean()),
            "classifier_accuracy": judge.accuracy,
        }
        draw = partial(images_of, state)
        bounds = None if bounds_of is None else bounds_of(state, held_out.images)
        pictures(run, judge, draw, (latents, made), (real, unseen), bounds, train.classes)
        kinds = {"held out": unseen, config.model: made, **others}
        synthesized.compared(run.workdir / "baseline.png", kinds)
        baseline = judging.baselines(judge, real, unseen, others)
        return run.finish("frechet_distance", metrics, baseline, higher_is_better=False)


def split(config: Config, name: str) -> data.Dataset:
    """The training images, or the held-out ones; few with --smoke."""
    images = data.load(config.dataset, name)
    few = FEW if config.smoke else len(images)
    return replace(images, images=images.images[:few], labels=images.labels[:few])


def in_parts(function: Any) -> Any:
    """`(state, array) -> NumPy arrays` of any length, in parts of one size, compiled once."""
    compiled = jax.jit(function)

    def whole(state, array):
        found = [training.fetch(compiled(state, part)) for part in judging.parts(array)]
        return jax.tree.map(lambda *arrays: np.concatenate(arrays), *found)

    return whole


def pictures(
    run: Run, judge: judging.Judge, draw: Any, made: Any, real: Any, bounds: Any, classes: Any
) -> None:
    """Draw what the network learned; of an autoencoder the walks are between held-out images."""
    (latents, images), (train, held_out), folder = made, real, run.workdir
    if run.records:
        plots.curves(folder / "curves.png", run.records, {"loss": "", "frechet_distance": ""})
    synthesized.by_class(folder / "samples.png", images, judge, classes)
    synthesized.neighbors(folder / "neighbors.png", images, train)
    ends, shown = latents, None
    if bounds is not None:
        ends, shown, images = bounds["latents"], held_out, held_out
        losses = bounds["loss"]
        synthesized.restored(folder / "restored.png", held_out, bounds["images"], losses)
    pairs = synthesized.far_apart(judge.look(images)[1], WALKS)
    shown = None if shown is None else shown[pairs]
    synthesized.walks(folder / "walks.png", draw, ends[pairs], judge, classes, shown)


if __name__ == "__main__":
    command.run(main, Config, __doc__)
