"""A U-Net, FCN-8s or DeconvNet says of each pixel of a scene which garment it shows, or none.

    python -m experiments.segment                            80 epochs of 2,048 scenes, 2 CPU cores
    python -m experiments.segment --dataset fashion_mnist    garments of 60,000 images
    python -m experiments.segment --model unet               as published; or fcn8, deconvnet
    python -m experiments.segment --data oxford_iiit_pet --size 128    a real set, prepared by TFDS
    python -m experiments.segment --smoke                    does everything work? half a minute

Each step composes new scenes on the device: garments of Fashion-MNIST's training images, scaled,
turned and laid over each other on photographs, so no scene comes twice. Held-out scenes are made of
its test images. Beside it, on the same scenes and by the same metric (the mean intersection over
union of background and garments): regions of another color than the picture's edge, each with the
class whose mean garment is the nearest to what it cuts out.

--data oxford_iiit_pet has photographs of cats and dogs, and of each pixel whether it is background,
pet or border: a band around the pet that is either. They are resized to --size, each side on its
own, and mirrored, turned, scaled and moved at random in training; held out are 512 of the test
split, spread over it. The baseline says pet of each region, and border of what is near its edge.

Writes into runs/segment/<time>/: config.json, metrics.jsonl (a line per epoch, with every class),
result.json, weights.safetensors (and the best ones), curves.png, segments.png (held-out scenes, the
best above, the worst below, beside the baseline), checkpoints/. The same command runs on a GPU or a
TPU.

2 CPU cores: 12 minutes. Draws segments.png.
"""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from cnn_jax import models, training
from cnn_jax.tasks import segmentation
from experiments.baselines import regions
from experiments.data import making, real_sets
from experiments.drawing import segmented
from experiments.running import command
from experiments.running.optimizers import one_cycle
from experiments.running.options import OnSets, require, require_weight_decay
from experiments.running.run import Result, Run

EPOCH = 2048  # scenes between two looks at the held-out ones
HELD_OUT = 512  # scenes, or photographs
SCALE = (0.7, 1.3)  # of garments of 28 x 28


@dataclass(frozen=True)
class Config(OnSets):
    """Train a network for segmentation on scenes of Fashion-MNIST, or on a real set."""

    model: Literal["unet_small", "unet", "fcn8", "deconvnet"] = "unet_small"
    """In the coarsest map a unit has 8, 16, 32 and 32 pixels."""
    dataset: Literal["fashion_mnist_small", "fashion_mnist"] = "fashion_mnist_small"
    """Where garments come from: the 7,000 images of the package, or all 70,000."""
    size: int = 64
    """Height and width of a scene, a multiple of 16; for FCN-8s and DeconvNet of 32."""
    objects: int = 4
    """The most garments of a scene; the fewest are 1."""
    channels: int | None = None
    """Of the network's finest maps; if not given, 24 of `unet_small` and 8 of the others."""
    dice: float = 0.0
    """The weight of the Dice loss beside that of the cross entropy, 1."""
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.2
    """The weight decay of Muon."""

    def __post_init__(self):
        super().__post_init__()
        step = 16 if self.model.startswith("unet") else 32
        sizes = f"{step}, {2 * step}, ... 256"
        require("--size", self.size % step == 0 < self.size <= 256, sizes, self.size)
        require("--objects", 1 <= self.objects <= 100, "in [1, 100]", self.objects)
        channels = self.channels
        require("--channels", channels is None or 1 <= channels <= 1024, "in [1, 1024]", channels)
        require("--dice", 0 <= self.dice < float("inf"), "at least 0 and finite", self.dice)
        require_weight_decay(self.weight_decay)


def seen(truth: Any) -> dict[str, jax.Array]:
    """What network and loss take of scenes: images in [-2, 2] and a class for each pixel."""
    image = truth["image"].astype(jnp.float32) / 64 - 2
    label = {"label": truth["mask"]} if "mask" in truth else segmentation.targets(truth)
    return {"image": image, **label}


def network(config: Config, classes: int) -> nnx.Module:
    """The network of the options, made small enough for scenes of 64 x 64 pixels."""
    options: dict[str, Any] = {"num_classes": classes, "in_channels": 3, "norm": "batch"}
    usual = 24 if config.model == "unet_small" else 8
    options["channels"] = 2 if config.smoke else config.channels or usual
    if config.model == "unet":
        options |= {"padding": "same", "depth": 2 if config.smoke else 4}
    elif config.model in ("fcn8", "deconvnet"):
        options["hidden"] = 8 * options["channels"]
    if config.model == "fcn8":
        options |= {"padding": "same", "window": 3, "dropout": 0.0}
    if config.model == "deconvnet":
        options["window"] = config.size // 32
    return getattr(models, config.model)(**options, rngs=nnx.Rngs(config.seed))


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("segment", config) as run:
        config = run.config
        if config.data is None:
            examples = making.examples(config, (EPOCH, HELD_OUT), scale=SCALE)
            names = ("background", *examples.names)
        else:
            examples = real_sets.masks(config, HELD_OUT)
            names = examples.names
        train, new, truth, _, some = examples

        def prepare(batch, key):
            return seen(batch if key is None else new(batch, key))

        epochs, loss = config.epochs_of(80), segmentation.loss(dice=config.dice)
        batches, held_out = run.batches(train, truth)
        steps = epochs * batches.steps
        model = network(config, len(names))
        optimizer = one_cycle(steps, config.learning_rate, config.weight_decay, model.HEAD)
        state, apply = training.init(model, optimizer)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        metrics = {"confusion": segmentation.confusion(len(names))}
        measure = training.make_evaluate(apply, loss, held_out, prepare=prepare, metrics=metrics)

        def evaluate(state):
            values = measure(state)
            return {**values, **segmentation.scores(values.pop("confusion"), names)}

        state = run.train(state, step, batches, epochs, evaluate, best="test_miou")
        found = training.make_predict(apply, held_out, prepare=prepare)(state).argmax(-1)
        true = jax.device_get(seen(truth)["label"])
        if config.data is None:
            drawn = some(jax.random.key(2), 32 if config.smoke else 1024)
            classify = regions.nearest_mean(drawn, len(names) - 1)
            classical = regions.labels(truth["image"], classify)
        else:
            drawn = some(jax.random.key(2), 8 if config.smoke else 128)
            classical = regions.trimaps(truth["image"], drawn, names)
        if run.records:
            segmented.curves(run.workdir / "curves.png", run.records)
        file = run.workdir / "segments.png"
        segmented.scenes(file, truth["image"], true, found, classical, names)
        counts = [regions.confusion(true, said, len(names)) for said in (found, classical)]
        return run.finish("miou", *(segmentation.scores(c, names) for c in counts))


if __name__ == "__main__":
    command.run(main, Config, __doc__)
