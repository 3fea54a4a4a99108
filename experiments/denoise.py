"""DnCNN learns to take the noise out of photographs, beside non-local means and wavelets.

    python -m experiments.denoise --sigma 25        a DnCNN of 8 layers, for 2 CPU cores
    python -m experiments.denoise --blind           one network for all levels up to 55
    python -m experiments.denoise --depth 17 --channels 64 --epochs 50    as published: for a GPU

It is trained on patches of nine photographs and measured on four others, PSNR and SSIM, beside the
classical methods on the same noisy pictures; those are told the level of the noise.

Writes into runs/denoise/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, curves.png, held_out.png (a part of the photographs where it gains most and
least), checkpoints/. The same commands run on a GPU or a TPU, on one device or several; on several
hosts with --coordinator, --processes and --process.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models, training
from cnn_jax.data import augment, photos
from cnn_jax.tasks import restoration
from experiments import _restored, _runs, _watching
from experiments._denoisers import CLASSICAL
from experiments._options import Hosts, require, require_types

SIDE = 40  # of a patch, as published
LEVELS = (0.0, 55.0)  # that a blind network learns from, as published
HELD_OUT = 128  # patches that are looked at after each epoch


@dataclass(frozen=True)
class Config(Hosts):
    """Train a DnCNN on photographs with noise."""

    sigma: float = 25.0
    """The standard deviation of the noise, in 255ths; with --blind, that of the held-out ones."""
    blind: bool = False
    """Train with noise of every level up to 55, so that the network need not know it."""
    depth: int = 8
    """Convolutions; 17 as published, or 20 if blind."""
    channels: int = 32
    """Of the feature maps; 64 as published."""
    epochs: int | None = None
    """Passes over the patches; by default 6, or 2 with --smoke."""
    patches: int = 16_000
    """How many patches of 40 x 40 pixels are cut out of the training photographs."""
    batch_size: int = 32
    """Patches in one training step."""
    learning_rate: float = 3e-3
    """The peak of a one-cycle schedule of Adam."""
    seed: int = 0
    """Decides the initialization, the patches, their order and the noise in training."""
    algorithm: Literal["auto", "xla", "vmap"] = "auto"
    """The algorithm of convolution."""
    devices: int | None = None
    """How many devices share each batch; by default all that JAX finds."""
    workdir: Path | None = None
    """Write straight into this folder; by default runs/denoise/<time>."""
    resume: bool = False
    """Continue the run that is in `workdir`, with the options it was started with, to the same bits
    as if it had not stopped."""
    smoke: bool = False
    """Few patches, small photographs, 3 layers: to see that everything works."""

    def __post_init__(self):
        require_types(self)
        sigma, rate = self.sigma, self.learning_rate
        require("--sigma", 0 < sigma <= 255, "above 0 and at most 255", sigma)
        require("--depth", 2 <= self.depth <= 100, "in [2, 100]", self.depth)
        require("--channels", 1 <= self.channels <= 1024, "in [1, 1024]", self.channels)
        require("--epochs", 0 <= (self.epochs or 0) <= 10**5, "in [0, 100000]", self.epochs)
        require("--patches", 1 <= self.patches <= 10**6, "in [1, 1000000]", self.patches)
        most = 64 if self.smoke else self.patches
        require("--batch-size", 1 <= self.batch_size <= most, f"in [1, {most}]", self.batch_size)
        require("--learning-rate", 0 < rate < math.inf, "positive and finite", rate)
        require("--seed", 0 <= self.seed < 2**32, "in [0, 2**32)", self.seed)


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    workdir: Path
    psnr: float
    """The mean over the held-out photographs, in dB."""
    epochs: int
    """How many are finished."""
    seconds: float
    """Of this call, compiling and drawing included."""
    exit_code: int = 0
    """0, or 128 + the number of the signal that stopped the run."""


def main(config: Config) -> Result:
    """Train, compare with the classical methods, draw, and print the result."""
    begun, console = time.perf_counter(), _runs.console()
    config, workdir = _runs.open_run("denoise", config)
    epochs = config.epochs if config.epochs is not None else 2 if config.smoke else 6
    train, held_out = patches(config)
    mesh, loss = _runs.mesh_of(config.devices, config.batch_size), restoration.loss()
    batches = training.batches(train, config.batch_size, mesh=mesh)
    model, optimizer = make(config, epochs * batches.steps)
    state, apply = training.init(model, optimizer)
    step = training.make_step(apply, optimizer, loss, prepare=preparing(config))
    evaluate = training.make_evaluate(
        apply,
        loss,
        training.batches(held_out, config.batch_size, mesh=mesh),
        prepare=preparing(config),
    )
    checkpoints = training.Checkpoints(workdir, config=_runs.lasting(config))
    with F.using(algorithm=config.algorithm):
        state, watch = _watching.trained(
            console, config, state, step, batches, epochs, evaluate, checkpoints
        )
        denoise = jax.jit(training.trained(model, state).__call__)
        pictures = {
            name: restored(config, number, photograph, denoise)
            for number, (name, photograph) in enumerate(whole(config).items())
        }

    scores = {
        name: {way: _restored.score(of["clean"], of[way]) for way in of if way != "clean"}
        for name, of in pictures.items()
    }
    mean = {
        way: _restored.means({name: of[way] for name, of in scores.items()})
        for way in ("noisy", "DnCNN", *CLASSICAL)
    }
    best = max(CLASSICAL, key=lambda way: mean[way]["psnr"])
    draw(workdir, watch.records, pictures, scores, best)
    seconds = time.perf_counter() - begun
    _runs.write_result(
        workdir,
        config,
        headline="psnr",
        metrics={**mean["DnCNN"], **{f"psnr of {n}": s["DnCNN"].psnr for n, s in scores.items()}},
        baseline={
            **mean[best],
            **{f"{what} of {way}": mean[way][what] for way in mean for what in mean[way]},
        },
        seconds=seconds,
    )
    _watching.say_stopped(console, "denoise", workdir, epochs, watch)
    for way, values in mean.items():
        console.print(f"{way:16} {values['psnr']:.2f} dB, SSIM {values['ssim']:.4f}")
    console.print(f"{seconds:.1f} s, files in {workdir}")
    psnr = mean["DnCNN"]["psnr"]
    return Result(workdir, psnr, len(watch.records), seconds, watch.stop.exit_code)


def patches(config: Config) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Patches of the training photographs; and of the others, with their noise."""
    arrays = list(photos.load("train", channels=1).values())
    arrays += [_restored.halved(a) for a in arrays]
    arrays += [a.swapaxes(0, 1) for a in arrays]  # mirrored on the diagonal
    count, few = (64, 32) if config.smoke else (config.patches, HELD_OUT)
    train = photos.crops(jax.random.key(config.seed), arrays, count, SIDE)
    others = list(photos.load("test", channels=1).values())
    clean = photos.crops(jax.random.key(0), others, few, SIDE)
    noisy = restoration.noise(jax.random.key(1), clean.astype(jnp.float32) / 255, config.sigma)
    held_out = {"clean": clean, "image": noisy}
    return {"clean": np.asarray(train)}, {name: np.asarray(a) for name, a in held_out.items()}


def preparing(config: Config) -> Any:
    """From stored patches to what the network takes: mirrored and with new noise in training."""
    mirrored = augment.chain(augment.flip(), augment.flip(axis="vertical"))
    sigma = LEVELS if config.blind else config.sigma

    def prepare(batch, key):
        if key is None:  # held out: the noise is there already
            return {**batch, "clean": batch["clean"].astype(jnp.float32) / 255}
        mirror_key, noise_key = jax.random.split(key)
        clean = mirrored(mirror_key, {"image": batch["clean"]})["image"]
        clean = clean.astype(jnp.float32) / 255
        return {"clean": clean, "image": restoration.noise(noise_key, clean, sigma)}

    return prepare


def make(config: Config, steps: int) -> tuple[models.DnCNN, Any]:
    """Make the network, and Adam with a one-cycle schedule that ends with the last step."""
    depth, channels = (3, 8) if config.smoke else (config.depth, config.channels)
    model = models.dncnn(depth=depth, channels=channels, rngs=nnx.Rngs(config.seed))
    schedule = optax.cosine_onecycle_schedule(max(steps, 1), config.learning_rate)
    return model, optax.adam(schedule)


def whole(config: Config) -> dict[str, np.ndarray]:
    """The held-out photographs, (height, width) in [0, 1]."""
    found = photos.load("test", channels=1)
    part = slice(100, 164) if config.smoke else slice(None)
    return {name: p[part, part, 0].astype(np.float32) / 255 for name, p in found.items()}


def restored(config: Config, number: int, clean: np.ndarray, denoise: Any) -> dict[str, np.ndarray]:
    """A photograph, with noise that no seed changes, and restored in every way."""
    key = jax.random.fold_in(jax.random.key(2), number)
    noisy = restoration.noise(key, clean[None, ..., None], config.sigma)
    by_network = denoise(noisy)[0, ..., 0]
    noisy = np.asarray(noisy)[0, ..., 0]
    ways = {"noisy": noisy, "DnCNN": by_network}
    ways |= {way: method(noisy, config.sigma / 255) for way, method in CLASSICAL.items()}
    return {
        "clean": clean,
        **{way: np.asarray(restoration.as_stored(p)) for way, p in ways.items()},
    }


def draw(workdir: Path, history: Any, pictures: Any, scores: Any, best: str) -> None:
    """Draw the curves, and the photographs where the network gains most and least on `best`."""
    if history:
        _restored.curves(workdir / "curves.png", history)
    order = sorted(scores, key=lambda name: scores[name][best].psnr - scores[name]["DnCNN"].psnr)
    rows = []
    for name in (order[0], order[-1]):
        window = _restored.detail(pictures[name]["clean"], 128)
        ways = ("clean", "noisy", *CLASSICAL, "DnCNN")
        rows.append((name, {way: pictures[name][way][window] for way in ways}, scores[name]))
    _restored.compare(workdir / "held_out.png", rows)


if __name__ == "__main__":
    _runs.run(main, Config, __doc__)
