"""A U-Net finds each garment of a scene and its pixels, which vote for where its center is.

    python -m experiments.instances                            80 epochs of 2,048 scenes
    python -m experiments.instances --dataset fashion_mnist    garments of 60,000 images
    python -m experiments.instances --data coco/2017_panoptic --size 128    prepared by TFDS
    python -m experiments.instances --smoke                    does everything work? half a minute

Each step composes new scenes on the device, as `experiments.segment` does; held-out scenes are made
of other garments and photographs. The network says of each pixel its class, whether the center of a
garment is there, and how far away the center of its garment is: see `tasks.instances`. Beside it,
on the same scenes and by the same metric (COCO's average precision of masks): connected pixels of
one class in the labels of the same network, without centers and votes.

--data takes COCO as TFDS prepares it for panoptic segmentation: its things (80 classes), of a
picture at most the 24 largest, without crowds. TFDS's coco/2014 and coco/2017 have no masks.

Writes into runs/instances/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors (and the best ones), curves.png, masks.png and baseline.png (held-out scenes,
right ones above, the worst below), checkpoints/. The same command runs on a GPU or a TPU.

2 CPU cores: 14 minutes. Draws masks.png.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from cnn_jax import models, training
from cnn_jax.tasks import instances
from experiments.baselines import regions
from experiments.data import making, real_sets
from experiments.drawing import outlined, plots
from experiments.running import command
from experiments.running.optimizers import one_cycle
from experiments.running.options import OnSets, require, require_weight_decay
from experiments.running.run import Result, Run

EPOCH = 2048  # scenes between two looks at the held-out ones
HELD_OUT = 512  # scenes, or pictures
SCALE = (0.7, 1.3)  # of garments of 28 x 28
KEPT = {"image", "masks", "boxes_valid", "classes"}  # of the truth about held-out scenes
FIGURES = {"test_ap50": "at 0.5", "test_ap": "at 0.5 to 0.95"}


@dataclass(frozen=True)
class Config(OnSets):
    """Train a U-Net with votes for centers on scenes of Fashion-MNIST, or on a real set."""

    dataset: Literal["fashion_mnist_small", "fashion_mnist"] = "fashion_mnist_small"
    """Where garments come from: the 7,000 images of the package, or all 70,000."""
    size: int = 64
    """Height and width of a scene, a multiple of 16."""
    objects: int = 4
    """The most garments of a held-out scene; to train on, twice as many. The fewest are 1."""
    channels: int = 24
    """Of the U-Net's finest maps."""
    kinds: int = 3
    """How many classes each mask is given, with their scores, as detectors usually do."""
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.2
    """The weight decay of Muon."""

    def __post_init__(self):
        super().__post_init__()
        require("--size", self.size % 16 == 0 < self.size <= 256, "16, 32, ... 256", self.size)
        require("--objects", 1 <= self.objects <= 100, "in [1, 100]", self.objects)
        require("--channels", 1 <= self.channels <= 1024, "in [1, 1024]", self.channels)
        require("--kinds", 1 <= self.kinds <= 10, "in [1, 10]", self.kinds)
        require_weight_decay(self.weight_decay)


def seen(truth: Any) -> dict[str, jax.Array]:
    """What network and loss take of scenes: images in [-2, 2], and masks, no boxes."""
    kept = {name: truth[name] for name in ("masks", "boxes_valid", "classes")}
    return {**kept, "image": truth["image"].astype(jnp.float32) / 64 - 2}


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("instances", config) as run:
        config = run.config
        if config.data is None:
            examples = making.examples(config, (EPOCH, HELD_OUT), fuller=2, scale=SCALE)
        else:
            examples = real_sets.objects(config, HELD_OUT)
        train, new, truth, names, _ = examples
        truth = {name: truth[name] for name in KEPT}

        def prepare(batch, key):
            return seen(batch if key is None else new(batch, key))

        epochs, loss = config.epochs_of(80), instances.loss()
        batches, held_out = run.batches(train, truth)
        channels, outputs = 2 if config.smoke else config.channels, len(names) + 4
        rngs = nnx.Rngs(config.seed)
        model = models.unet_small(num_classes=outputs, channels=channels, rngs=rngs)
        steps = epochs * batches.steps
        optimizer = one_cycle(steps, config.learning_rate, config.weight_decay, model.HEAD)
        state, apply = training.init(model, optimizer)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        predict = training.make_predict(apply, held_out, prepare=prepare)
        decode = jax.jit(partial(instances.decode, kinds=config.kinds))
        losses_of = jax.jit(loss)
        judge = partial(instances.average_precision, truth=truth, classes=len(names))

        def evaluate(state):
            outputs = predict(state)
            losses, parts = jax.device_get(losses_of(outputs, truth))
            means = {name: float(part.mean()) for name, part in {"loss": losses, **parts}.items()}
            return {**means, **judge(jax.device_get(decode(outputs)))}

        state = run.train(state, step, batches, epochs, evaluate, best="test_ap")
        outputs = predict(state)
        found = jax.device_get(decode(outputs))
        joined = regions.connected(outputs[..., : len(names) + 1])
        if run.records:
            file = run.workdir / "curves.png"
            plots.loss_and_figures(file, run.records, "average precision of masks", FIGURES)
        outlined.scenes(run.workdir / "masks.png", found, truth, names)
        outlined.scenes(run.workdir / "baseline.png", joined, truth, names)
        return run.finish("ap", judge(found), judge(joined))


if __name__ == "__main__":
    command.run(main, Config, __doc__)
