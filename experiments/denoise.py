"""DnCNN learns to take the noise out of photographs, beside non-local means and wavelets.

    python -m experiments.denoise --sigma 25        a DnCNN of 8 layers, for 2 CPU cores
    python -m experiments.denoise --blind           one network for all levels up to 55
    python -m experiments.denoise --depth 17 --channels 64 --no-dilated --epochs 50
                                                    as published: for a GPU
    python -m experiments.denoise --data div2k      a real set that TFDS has prepared
    python -m experiments.denoise --smoke           does everything work?

It is trained on patches of nine photographs, 8 times on each, and measured on four others, PSNR and
SSIM, beside the classical methods on the same noisy pictures; those are told the level of the
noise. The network sees each picture in eight positions, mirrored and turned, of which the mean
counts; "one position" is what it says of the picture as it is. With --data, a set such as div2k,
patches are those of its pictures, and the held-out ones are the middles, 512 x 512, of 100 others.

Writes into runs/denoise/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, curves.png, held_out.png (a part of the photographs where it gains most and
least), checkpoints/. The same commands run on a GPU or a TPU, on one device or several; on several
hosts with --coordinator, --processes and --process.

2 CPU cores: 14 minutes. Draws held_out.png.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from cnn_jax import models, training
from cnn_jax.tasks import restoration
from experiments.baselines.denoisers import CLASSICAL
from experiments.data import photographs
from experiments.running import command, restoring
from experiments.running.optimizers import one_cycle
from experiments.running.options import OnSets, require, require_weight_decay
from experiments.running.run import Result, Run

SIDE = 40  # of a patch, as published
LEVELS = (0.0, 55.0)  # that a blind network learns from, as published
WIDEST = 4  # dilation, that of IRCNN
LAST = 0.2  # the learning rate of the last layer, as a factor
HELD_OUT = 128  # patches that are looked at after each epoch


@dataclass(frozen=True)
class Config(OnSets):
    """Train a DnCNN on photographs with noise."""

    sigma: float = 25.0
    """The standard deviation of the noise, in 255ths; with --blind, that of the held-out ones."""
    blind: bool = False
    """Train with noise of every level up to 55, so that the network need not know it."""
    depth: int = 8
    """Convolutions; 17 as published, or 20 if blind."""
    channels: int = 32
    """Of the feature maps; 64 as published."""
    dilated: bool = True
    """Dilate the convolutions by 1, 1, 2, 3, 4, ..., 4, 3, 2, 1 to see farther; not published."""
    patches: int = 16_000
    """How many patches of 40 x 40 pixels are cut out of the training pictures."""
    batch_size: int = 8
    learning_rate: float = 1.3e-2
    weight_decay: float = 0.2
    """The weight decay of Muon."""

    def __post_init__(self):
        super().__post_init__()
        require("--sigma", 0 < self.sigma <= 255, "above 0 and at most 255", self.sigma)
        require("--depth", 2 <= self.depth <= 100, "in [2, 100]", self.depth)
        require("--channels", 1 <= self.channels <= 1024, "in [1, 1024]", self.channels)
        require("--patches", 1 <= self.patches <= 10**6, "in [1, 1000000]", self.patches)
        require_weight_decay(self.weight_decay)


def main(config: Config) -> Result:
    """Train, compare with the classical methods, draw, and print the result."""
    with Run("denoise", config) as run:
        config = run.config
        epochs, loss, prepare = config.epochs_of(8), restoration.loss(), preparing(config)
        train, held_out = patches(config)
        batches, held_out = run.batches(train, held_out)
        model, optimizer = make(config, epochs * batches.steps)
        state, apply = training.init(model, optimizer)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        evaluate = training.make_evaluate(apply, loss, held_out, prepare=prepare)
        state = run.train(state, step, batches, epochs, evaluate)

        denoise = jax.jit(training.trained(model, state).__call__)
        whole = photographs.held_out(config, "gray")
        pictures = {
            name: restored(config, number, photograph, denoise)
            for number, (name, photograph) in enumerate(whole.items())
        }
        others = ("noisy", *CLASSICAL)
        return restoring.finish(run, pictures, "DnCNN", others, also=("one position",), side=128)


def patches(config: Config) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Patches of the training photographs; and of the others, with their noise."""
    counts = (64, 32) if config.smoke else (config.patches, HELD_OUT)
    train, clean = photographs.patches(config, "gray", SIDE, *counts)
    floats = clean.astype(np.float32) / 255
    noisy = np.asarray(restoration.noise(jax.random.key(1), floats, config.sigma))
    return {"clean": train}, {"clean": clean, "image": noisy}


def preparing(config: Config) -> Any:
    """From stored patches to what the network takes: mirrored and with new noise in training."""
    sigma = LEVELS if config.blind else config.sigma

    def prepare(batch, key):
        if key is None:  # held out: the noise is there already
            return {**batch, "clean": restoring.clean(batch, None)}
        mirror_key, noise_key = jax.random.split(key)
        clean = restoring.clean(batch, mirror_key)
        return {"clean": clean, "image": restoration.noise(noise_key, clean, sigma)}

    return prepare


def make(config: Config, steps: int) -> tuple[models.DnCNN, Any]:
    """Make the network, and its optimizer for so many steps.

    The last layer, whose steps are at once in the image, takes smaller ones: worth 0.1 to 0.3 dB in
    a small copy, see README.md.

    References:
        Zhang et al., *Learning deep CNN denoiser prior*, 2017, arXiv:1704.03264, section 4.1: seven
        layers dilated by 1, 2, 3, 4, 3, 2, 1. Here there is one more before them.
    """
    depth, channels = (3, 8) if config.smoke else (config.depth, config.channels)
    options = {"depth": depth, "channels": channels}
    if config.dilated:
        options["dilations"] = [1] + [min(n, depth - n, WIDEST) for n in range(1, depth)]
    model = models.dncnn(**options, rngs=nnx.Rngs(config.seed))
    cycle = one_cycle(steps, config.learning_rate, config.weight_decay, ["first", "last"])
    return model, optax.chain(cycle, training.scale_by_path({"last": LAST}))


def restored(config: Config, number: int, clean: np.ndarray, denoise: Any) -> dict[str, np.ndarray]:
    """A photograph, with noise that no seed changes, and restored in every way."""
    key = jax.random.fold_in(jax.random.key(2), number)
    noisy = restoration.noise(key, clean[None], config.sigma)
    by_network = {
        "one position": denoise(noisy)[0, ..., 0],
        "DnCNN": restoration.in_all_positions(denoise, noisy)[0, ..., 0],
    }
    noisy = np.asarray(noisy)[0, ..., 0]
    classical = {way: method(noisy, config.sigma / 255) for way, method in CLASSICAL.items()}
    ways = {"clean": clean[..., 0], "noisy": noisy, **classical, **by_network}
    return {way: np.asarray(restoration.as_stored(picture)) for way, picture in ways.items()}


if __name__ == "__main__":
    command.run(main, Config, __doc__)
