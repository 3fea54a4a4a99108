"""A network sees depth in two views: disparities, and points in space, beside block matching.

    python -m experiments.stereo                  20 epochs of 512 pairs, 2 CPU cores
    python -m experiments.stereo --epochs 60      three times as many pairs
    python -m experiments.stereo --smoke          does everything work?

Each step makes new pairs on the device: surfaces with parts of photographs on them, planes and
waves of all slopes that hide each other, seen by two cameras of unlike light and noise. Held-out
pairs are made of other photographs. Beside it, on the same pixels: block matching with the window,
and with or without a check from right to left, that has the smallest error on them.

Real pairs are measured, never trained on: `motorcycle` (Middlebury 2014), in scikit-image's
package, and `aloe` (2006), in Debian's package opencv-doc. They are scaled down, to a half and an
eighth, disparities with them, so that these fit into the network's 30 pixels. Pixels without a
known disparity do not count; `seen` are those that the right view shows too. If a pair is not
there, a line says so, and the rest runs.

Writes into runs/stereo/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, curves.png, held_out.png (the best pairs above, the worst below),
motorcycle.png, aloe.png, points.ply (colored points, for MeshLab or CloudCompare), points.png (the
same from the side), checkpoints/. The same command runs on a GPU or a TPU.

2 CPU cores: 7 minutes. Draws held_out.png.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import models, training
from cnn_jax.data import photos, stereo_pairs
from cnn_jax.tasks import stereo
from experiments.baselines import block_matching
from experiments.data import making, real_pairs
from experiments.drawing import disparities, plots, point_cloud
from experiments.running import command
from experiments.running.options import Training, require
from experiments.running.run import Result, Run

EPOCH = 512  # pairs between two looks at the held-out ones
HELD_OUT = 64  # pairs
SIZE = (64, 128)  # of a pair to train on


@dataclass(frozen=True)
class Config(Training):
    """Train a stereo network on pairs made of photographs."""

    max_disparity: int = 32
    """The network finds disparities below this, in pixels; a multiple of 8. Real pairs are scaled
    down until theirs are 2 less or fewer."""
    width: int = 8
    """Channels of the network's first layer in three dimensions; others have multiples of it."""
    batch_size: int = 4
    learning_rate: float = 4e-3

    def __post_init__(self):
        super().__post_init__()
        most = self.max_disparity
        require("--max-disparity", most % 8 == 0 < most <= 64, "8, 16, ... 64", most)
        require("--width", 1 <= self.width <= 256, "in [1, 256]", self.width)


def seen(views: Any) -> jax.Array:
    """What the network sees of uint8 views: numbers in [-2, 2]."""
    return jnp.asarray(views, jnp.float32) / 64 - 2


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("stereo", config) as run:
        config = run.config
        most, size = (16, (16, 32)) if config.smoke else (config.max_disparity, SIZE)
        make, make_held_out = (
            stereo_pairs.pairs(
                list(photos.load(split, channels=3).values()), size=size, max_disparity=most
            )
            for split in ("train", "test")
        )
        truth = making.drawn(make_held_out, jax.random.key(1), 32 if config.smoke else HELD_OUT)

        def prepare(batch, key):
            made = batch if key is None else making.new(make, batch, key)
            return {"image": seen(made["image"]), "disparity": made["disparity"]}

        epochs, loss = config.epochs_of(20), stereo.loss(max_disparity=most)
        numbers = making.numbers(16 if config.smoke else EPOCH)
        batches, held_out = run.batches(numbers, truth)
        width = 2 if config.smoke else config.width
        model = models.stereo(max_disparity=most, width=width, rngs=nnx.Rngs(config.seed))
        schedule = optax.cosine_onecycle_schedule(
            max(epochs * batches.steps, 1), config.learning_rate
        )
        optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
        state, apply = training.init(model, optimizer)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        evaluate = training.make_evaluate(apply, loss, held_out, prepare=prepare)
        state = run.train(state, step, batches, epochs, evaluate)

        found = training.make_predict(apply, held_out, prepare=prepare)(state)
        windows = block_matching.WINDOWS[:1] if config.smoke else block_matching.WINDOWS
        matched, _ = block_matching.best(truth, most, windows)
        metrics = block_matching.measures(found, truth, most)
        baseline = block_matching.measures(matched, truth, most)
        disparities.compare_pairs(run.workdir / "held_out.png", truth, found, matched)
        if run.records:
            plots.curves(
                run.workdir / "curves.png", run.records, {"loss": " (pixels)", "epe": " (pixels)"}
            )

        network = jax.jit(training.trained(model, state).__call__)
        pairs = real_pairs.found(most - 2)
        for name, pair in pairs.items():
            if pair is None:
                run.console.print(real_pairs.ABSENT[name])
                continue
            maps = np.asarray(network(seen(pair["image"])))
            others, how = block_matching.best(pair, most, windows)
            run.console.print(f"{name}: the best block matching has {how}")
            for of, part in {name: pair, f"{name}_seen": block_matching.only_seen(pair)}.items():
                for values, said in ((metrics, maps), (baseline, others)):
                    measured = block_matching.measures(said, part, most)
                    values |= {f"{of}_{n}": value for n, value in measured.items()}
            disparities.compare_pairs(run.workdir / f"{name}.png", pair, maps, others)
            if "camera" in pair:
                point_cloud.of_pair(run.workdir, pair, maps, others, **pair["camera"])
        if pairs["motorcycle"] is None:
            point_cloud.of_pair(run.workdir, truth, found, matched, focal=float(size[1]))
        headline = "epe" if pairs["motorcycle"] is None else "motorcycle_epe"
        return run.finish(headline, metrics, baseline, higher_is_better=False)


if __name__ == "__main__":
    command.run(main, Config, __doc__)
