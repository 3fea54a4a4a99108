"""A simple baseline finds the joints of people: each as the peak of a heatmap.

    python -m experiments.body_pose               20 epochs of 4,096 people, 2 CPU cores
    python -m experiments.body_pose --epochs 60   three times as many
    python -m experiments.body_pose --model simple_baseline_resnet50 --size 256    for a GPU
    python -m experiments.body_pose --smoke       does everything work? half a minute

Each step draws new people on the device: limbs in random poses and clothes on parts of photographs,
so no picture comes twice. Held-out people stand before other photographs. A joint is found if it is
not farther from its place than a tenth of the longer side of the box around the person's joints
(PCK at 0.1, Yang and Ramanan 2013). Beside it, on the same pictures: the mean pose of people, put
into the true box around each person, which the network is not told.

Writes into runs/body_pose/<time>/: config.json, metrics.jsonl (a line per epoch), result.json (also
for each joint), weights.safetensors (and the best ones), curves.png, poses.png and baseline.png
(held-out people, right ones above, the worst below), checkpoints/. The same command runs on a GPU
or a TPU.

2 CPU cores: 10 minutes. Draws poses.png.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from cnn_jax import models, training
from cnn_jax.data.figures import JOINTS
from cnn_jax.models.blocks import Style
from cnn_jax.models.simple_baseline import Variant
from cnn_jax.tasks import pose
from experiments.baselines import mean_pose
from experiments.data import making
from experiments.drawing import plots, posed
from experiments.running import command
from experiments.running.options import Training, require, require_weight_decay
from experiments.running.run import Result, Run

EPOCH = 4096  # people between two looks at the held-out ones
HELD_OUT = 512
SIGMA = 1.5  # of the heatmaps, in cells
TINY = Variant(None, (16, 16, 16), stem=8, widths=(8, 12, 16), blocks=1)  # for --smoke
FIGURES = {"test_pck": "0.1 of the box", "test_pck_torso": "0.2 of the torso"}


@dataclass(frozen=True)
class Config(Training):
    """Train a simple baseline on people made of limbs."""

    model: Literal["simple_baseline_small", "simple_baseline_resnet50"] = "simple_baseline_small"
    """The network: ours for small pictures, or as published."""
    size: int = 64
    """Height and width of a picture, a multiple of 32."""
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    """The weight decay of AdamW."""

    def __post_init__(self):
        super().__post_init__()
        require("--size", self.size % 32 == 0 < self.size <= 256, "32, 64, ... 256", self.size)
        require_weight_decay(self.weight_decay)

    @property
    def stride(self) -> int:
        """Pixels of a heatmap's cell on each axis."""
        return 2 if self.model == "simple_baseline_small" else 4


def seen(truth: Any) -> dict[str, jax.Array]:
    """What network and loss take of people: images in [-2, 2] and joints."""
    kept = {name: truth[name] for name in ("keypoints", "keypoints_visible")}
    return {**kept, "image": truth["image"].astype(jnp.float32) / 64 - 2}


def network(config: Config) -> models.SimpleBaseline:
    """Make the network, or with --smoke a tiny one with the same cells."""
    rngs = nnx.Rngs(config.seed)
    if config.smoke and config.stride == 2:
        return models.SimpleBaseline(TINY, len(JOINTS), 3, Style(), rngs)
    return models.simple_baseline(config.model, num_classes=len(JOINTS), rngs=rngs)


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("body_pose", config) as run:
        config = run.config
        make, make_held_out = making.figures(size=config.size)
        few = 32 if config.smoke else HELD_OUT
        truth = making.drawn(make_held_out, jax.random.key(1), few)

        def prepare(batch, key):
            return seen(batch if key is None else making.new(make, batch, key))

        epochs, loss = config.epochs_of(20), pose.loss(stride=config.stride, sigma=SIGMA)
        numbers = making.numbers(64 if config.smoke else EPOCH)
        batches, held_out = run.batches(numbers, truth)
        steps = max(epochs * batches.steps, 1)
        schedule = optax.cosine_onecycle_schedule(steps, config.learning_rate)
        optimizer = optax.adamw(schedule, weight_decay=config.weight_decay)
        state, apply = training.init(network(config), optimizer)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        predict = training.make_predict(apply, held_out, prepare=prepare)
        decode, loss_of = jax.jit(partial(pose.decode, stride=config.stride)), jax.jit(loss)

        def joints(outputs):
            return jax.device_get(decode(outputs)["keypoints"])

        def evaluate(state):
            outputs = predict(state)
            numbers = posed.judge(joints(outputs), truth)
            measured = {"loss": float(loss_of(outputs, truth)[0].mean())}
            return {**measured, **{name: numbers[name] for name in ("pck", "pck_torso")}}

        state = run.train(state, step, batches, epochs, evaluate, best="test_pck")
        found = joints(predict(state))
        examples = making.drawn(make, jax.random.key(2), few, leave=["image"])
        mean = mean_pose.mean_pose(examples, truth)
        place = posed.judge(mean_pose.mean_place(examples, few), truth)["pck"]
        if run.records:
            file = run.workdir / "curves.png"
            plots.loss_and_figures(file, run.records, "joints found on held-out figures", FIGURES)
        posed.figures(run.workdir / "poses.png", found, truth)
        posed.figures(run.workdir / "baseline.png", mean, truth)
        baseline = {**posed.judge(mean, truth), "pck of the mean place": place}
        return run.finish("pck", posed.judge(found, truth), baseline)


if __name__ == "__main__":
    command.run(main, Config, __doc__)
