"""How a garment moves: windows over time tell it, windows over single frames cannot.

    python -m experiments.video                   16 epochs of 1,024 clips, 2 CPU cores
    python -m experiments.video --directions 4    an easier task
    python -m experiments.video --dataset mnist   digits move
    python -m experiments.video --smoke           does everything work?

A garment of Fashion-MNIST moves over a photograph, in one of eight directions and at one of three
speeds. Two networks learn both from the same clips, in the same steps: one with windows of three
frames, and the baseline, the same one with windows of a single frame, whose features are averaged
over time. What lies still in a frame says nothing here: the middle of the path is drawn alike for
all directions and speeds, and nothing is blurred. A path and its reverse have the same frames, so
the baseline must guess which of both it is. The axis and the speed are not wholly hidden from it: a
garment near the edge of the frame has got there.

Each step makes new clips on the device. Held-out ones are made of Fashion-MNIST's test images and
of other photographs. --dataset mnist takes digits. (TFDS's Moving MNIST does not say how the digits
of a clip move, and has only a test split.)

Writes into runs/video/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors (of both networks), curves.png, clips.png (held-out clips, wrong ones below),
confusion.png and confusion_baseline.png (directions), checkpoints/.

2 CPU cores: 3 minutes. Draws clips.png.
"""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import data, models, training
from cnn_jax.tasks import classification
from experiments.data import making
from experiments.drawing import motions, plots
from experiments.running import command
from experiments.running.options import Training, require
from experiments.running.run import Result, Run

EPOCH = 1024  # clips between two looks at the held-out ones
HELD_OUT = 512  # clips
SPEED, SPEEDS = (0.6, 1.8), 3  # pixels per frame: 0.6, 1.2 and 1.8
SCALE = (0.4, 0.7)  # of garments of 28 x 28


@dataclass(frozen=True)
class Config(Training):
    """Train two networks to say how a garment moves."""

    dataset: Literal["fashion_mnist_small", "fashion_mnist", "mnist"] = "fashion_mnist_small"
    """Where garments come from: the 7,000 images of the package, all 70,000, or 70,000 digits."""
    size: int = 40
    """Height and width of a frame."""
    frames: int = 8
    """Of a clip."""
    directions: int = 8
    """How many there are, an even number."""
    width: int = 8
    """Channels of the first stage; the second has twice, the third four times as many."""
    learning_rate: float = 1e-2

    def __post_init__(self):
        super().__post_init__()
        directions, frames = self.directions, self.frames
        require("--frames", 2 <= frames <= 64, "in [2, 64]", frames)
        least = int(2 * SPEED[1] * (frames - 1) / 2) + 16
        require("--size", least <= self.size <= 128, f"in [{least}, 128], to stay in", self.size)
        even = directions % 2 == 0 and 2 <= directions <= 64
        require("--directions", even, "2, 4, ... 64", directions)
        require("--width", 1 <= self.width <= 256, "in [1, 256]", self.width)


class Both(nnx.Module):
    """Two networks that see the same clips."""

    def __init__(self, classes: int, width: int, rngs: nnx.Rngs):
        options = {"num_classes": classes, "channels": (width, 2 * width, 4 * width), "rngs": rngs}
        self.windows = models.c3d_small(depth=3, **options)
        self.frames = models.c3d_small(depth=1, **options)

    def __call__(self, clips: jax.Array) -> jax.Array:
        """Map clips (n, t, h, w, 3) to the logits of both, (n, 2, classes)."""
        return jnp.stack([self.windows(clips), self.frames(clips)], 1)


def seen(truth: Any, directions: int) -> dict[str, jax.Array]:
    """What networks and loss take of videos: clips in [-2, 2], and two labels."""
    way = truth["direction"][:, 0, 0] * (directions / 360)
    rate = (truth["speed"][:, 0] - SPEED[0]) * ((SPEEDS - 1) / (SPEED[1] - SPEED[0]))
    return {
        "image": jnp.asarray(truth["video"], jnp.float32) / 64 - 2,
        "direction": jnp.round(way).astype(jnp.int32) % directions,
        "rate": jnp.round(rate).astype(jnp.int32),
    }


def loss(outputs: jax.Array, batch: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The cross entropies of direction and speed, summed; of the networks, one by the other."""
    directions = outputs.shape[-1] - SPEEDS
    entropy, total, others = classification.loss(), jnp.zeros(len(outputs)), {}
    for network, name in enumerate(("", " of frames")):
        ways, rates = outputs[:, network, :directions], outputs[:, network, directions:]
        for what, logits, label in (("direction", ways, "direction"), ("speed", rates, "rate")):
            losses, right = entropy(logits, {"label": batch[label]})
            total, others[what + name] = total + losses, right["accuracy"]
        half = directions // 2
        axes = jnp.logaddexp(ways[:, :half], ways[:, half:])
        others["axis" + name] = classification.in_top(axes, batch["direction"] % half, 1)
        there = jnp.take_along_axis(ways, batch["direction"][:, None], 1)
        back = jnp.take_along_axis(ways, (batch["direction"][:, None] + half) % directions, 1)
        others["way along the axis" + name] = (there > back)[:, 0].astype(jnp.float32)
    return total, others


def main(config: Config) -> Result:
    """Train both, compare, draw, and print the result."""
    with Run("video", config) as run:
        config = run.config
        options = {"size": config.size, "frames": config.frames, "objects": (1, 1), "scale": SCALE}
        options |= {"speed": SPEED, "speeds": SPEEDS, "directions": config.directions}
        options |= {"edges": "stay"}
        make, make_held_out, _ = making.scenes(config.dataset, data.scenes.videos, **options)
        few, parts = 32 if config.smoke else HELD_OUT, ("video", "direction", "speed")

        def kept(keys):
            return {name: v for name, v in make_held_out(keys).items() if name in parts}

        truth = making.drawn(kept, jax.random.key(1), few)

        def prepare(batch, key):
            return seen(batch if key is None else making.new(make, batch, key), config.directions)

        epochs = config.epochs_of(16)
        numbers = making.numbers(64 if config.smoke else EPOCH)
        batches, held_out = run.batches(numbers, truth)
        model = Both(config.directions + SPEEDS, config.width, nnx.Rngs(config.seed))
        steps = max(epochs * batches.steps, 1)
        optimizer = optax.adamw(optax.cosine_onecycle_schedule(steps, config.learning_rate))
        state, apply = training.init(model, optimizer)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        evaluate = training.make_evaluate(apply, loss, held_out, prepare=prepare)
        state = run.train(state, step, batches, epochs, evaluate)

        values = evaluate(state)
        outputs = training.make_predict(apply, held_out, prepare=prepare)(state)
        found = outputs[..., : config.directions].argmax(-1)
        true = np.asarray(seen(truth, config.directions)["direction"])
        names = motions.names_of(config.directions)
        if run.records:
            motions.curves(run.workdir / "curves.png", run.records, 1 / config.directions)
        for network, name in enumerate(("confusion.png", "confusion_baseline.png")):
            counts = motions.counted(true, found[:, network], config.directions)
            plots.confusion(run.workdir / name, counts, names)
        motions.clips(run.workdir / "clips.png", truth["video"], true, found, names)
        of = {n: v for n, v in values.items() if n != "loss"}
        metrics = {n: v for n, v in of.items() if not n.endswith(" of frames")}
        baseline = {n: of[f"{n} of frames"] for n in metrics}
        return run.finish("direction", metrics, baseline)


if __name__ == "__main__":
    command.run(main, Config, __doc__)
