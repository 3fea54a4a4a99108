"""ESPCN and SRCNN learn to make photographs larger, sharper than bicubic interpolation does.

    python -m experiments.superresolve --scale 3             ESPCN, 2 CPU cores
    python -m experiments.superresolve --model srcnn         on images that are enlarged first
    python -m experiments.superresolve --no-residual         as published, see below
    python -m experiments.superresolve --data div2k          a real set that TFDS has prepared
    python -m experiments.superresolve --smoke               does everything work?

They are trained on patches of nine photographs, 6 times on each, made smaller by bicubic scaling,
and measured on four others: PSNR and SSIM of the luma, leaving out as many pixels at each edge as
the scale. With --data, a set such as div2k, patches are those of its pictures (of DIV2K's in high
resolution: they are made smaller here as all others), and measured are the middles, 512 x 512, of
100 held-out ones. By default a network says what bicubic interpolation lacks (Kim et al. 2016,
arXiv:1511.04587), which it learns in minutes; with --no-residual it says the whole image, as
published.

Writes into runs/superresolve/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, curves.png, held_out.png (a part of the photographs where it gains most and
least, zoomed), checkpoints/. The same commands run on a GPU or a TPU, on one device or several; on
several hosts with --coordinator, --processes and --process.

2 CPU cores: 1 minute. Draws held_out.png.
"""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
import optax
from flax import nnx

from cnn_jax import models, training
from cnn_jax.tasks import restoration
from experiments.data import photographs
from experiments.running import command, restoring
from experiments.running.options import OnSets, require
from experiments.running.run import Result, Run

SMALL = 16  # pixels on each side of a patch that the network enlarges
HELD_OUT = 128  # patches that are looked at after each epoch


@dataclass(frozen=True)
class Config(OnSets):
    """Train a network to enlarge photographs."""

    model: Literal["espcn", "srcnn"] = "espcn"
    """ESPCN enlarges in its last layer; SRCNN sharpens what is enlarged before."""
    variant: Literal["9-1-5", "9-3-5", "9-5-5"] = "9-1-5"
    """The windows of SRCNN."""
    scale: Literal[2, 3, 4] = 3
    """How many times as high and wide."""
    residual: bool = True
    """Learn what bicubic interpolation lacks, and not the whole image."""
    patches: int = 16_000
    """How many patches of 16 x 16 small pixels are cut out of the training pictures."""
    learning_rate: float = 2e-3

    def __post_init__(self):
        super().__post_init__()
        require("--patches", 1 <= self.patches <= 10**6, "in [1, 1000000]", self.patches)


def main(config: Config) -> Result:
    """Train, compare with bicubic interpolation, draw, and print the result."""
    with Run("superresolve", config) as run:
        config = run.config
        epochs, prepare = config.epochs_of(6), preparing(config)
        counts = (64, 32) if config.smoke else (config.patches, HELD_OUT)
        side = config.scale * SMALL
        train, held_out = photographs.patches(config, "luma", side, *counts)
        batches, held_out = run.batches({"clean": train}, {"clean": held_out})
        model, optimizer, forward = make(config, epochs * batches.steps)
        state, apply = training.init(model, optimizer, forward=forward)
        step = training.make_step(apply, optimizer, restoration.loss(), prepare=prepare)
        counted = restoration.loss(crop=config.scale)
        evaluate = training.make_evaluate(apply, counted, held_out, prepare=prepare)
        state = run.train(state, step, batches, epochs, evaluate)

        ours, side, crop = config.model.upper(), 24 * config.scale, config.scale
        pictures = enlarged(config, training.trained(model, state), forward)
        return restoring.finish(run, pictures, ours, ("bicubic",), side=side, crop=crop)


def degraded(config: Config, clean: jax.Array) -> dict[str, jax.Array]:
    """Clean images, made small, and what the network sees of them."""
    small = restoration.downscale(clean, config.scale)
    bicubic = restoration.upscale(small, config.scale)
    image = small if config.model == "espcn" else bicubic
    return {"clean": clean, "image": image, "small": small, "bicubic": bicubic}


def preparing(config: Config) -> Any:
    """From stored patches to what the network takes, mirrored in training."""

    def prepare(batch, key):
        return degraded(config, restoring.clean(batch, key))

    return prepare


def make(config: Config, steps: int) -> tuple[Any, Any, Any]:
    """Make the network, Adam with a one-cycle schedule, and how the network is called."""
    rngs = nnx.Rngs(config.seed)
    if config.model == "espcn":
        model = models.espcn(scale=config.scale, rngs=rngs)
    else:
        model = models.srcnn(config.variant, rngs=rngs)

    def forward(model, batch):
        image = model(batch["image"])
        return image + batch["bicubic"] if config.residual else image

    schedule = optax.cosine_onecycle_schedule(max(steps, 1), config.learning_rate)
    return model, optax.adam(schedule), forward


def enlarged(config: Config, model: Any, forward: Any) -> dict[str, dict[str, np.ndarray]]:
    """For each held-out photograph its luma, small, enlarged in both ways and clean."""

    @jax.jit
    def enlarge(clean):
        batch = degraded(config, clean)
        ways = {"bicubic": batch["bicubic"], config.model.upper(): forward(model, batch)}
        return {"small": batch["small"], **jax.tree.map(restoration.as_stored, ways)}

    pictures = {}
    for name, luma in photographs.held_out(config, "luma").items():
        height, width = (n // config.scale * config.scale for n in luma.shape[:2])
        clean = luma[None, :height, :width]
        made = {**enlarge(clean), "clean": clean}
        order = ("small", "bicubic", config.model.upper(), "clean")  # jit returns sorted names
        pictures[name] = {way: np.asarray(made[way])[0, ..., 0] for way in order}
    return pictures


if __name__ == "__main__":
    command.run(main, Config, __doc__)
