"""ESPCN and SRCNN learn to make photographs larger, sharper than bicubic interpolation does.

    python -m experiments.superresolve --scale 3             ESPCN, 2 busy CPU cores: 6 minutes
    python -m experiments.superresolve --model srcnn         on images that are enlarged before
    python -m experiments.superresolve --no-residual         as published, see below

They are trained on patches of nine photographs, made smaller by bicubic scaling, and measured on
four others: PSNR and SSIM of the luma, without as many pixels at the edges as the scale. By default
a network says what bicubic interpolation lacks (Kim et al. 2016, arXiv:1511.04587), which it learns
in minutes; with --no-residual it says the whole image, as published.

Writes into runs/superresolve/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors, curves.png, held_out.png (a part of the photographs where it gains most and
least, zoomed), checkpoints/. The same commands run on a GPU or a TPU, on one device or several; on
several hosts with --coordinator, --processes and --process.
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
from experiments._options import Hosts, require, require_types

SMALL = 16  # pixels on each side of a patch that the network enlarges
HELD_OUT = 128  # patches that are looked at after each epoch


@dataclass(frozen=True)
class Config(Hosts):
    """Train a network to enlarge photographs."""

    model: Literal["espcn", "srcnn"] = "espcn"
    """ESPCN enlarges in its last layer; SRCNN sharpens what is enlarged before."""
    variant: Literal["9-1-5", "9-3-5", "9-5-5"] = "9-1-5"
    """The windows of SRCNN."""
    scale: Literal[2, 3, 4] = 3
    """How many times as high and wide."""
    residual: bool = True
    """Learn what bicubic interpolation lacks, and not the whole image."""
    epochs: int | None = None
    """Passes over the patches; by default 6, or 2 with --smoke."""
    patches: int = 16_000
    """How many patches of 16 x 16 small pixels are cut out of the training photographs."""
    batch_size: int = 32
    """Patches in one training step."""
    learning_rate: float = 2e-3
    """The peak of a one-cycle schedule of Adam."""
    seed: int = 0
    """Decides the initialization, the patches and their order."""
    algorithm: Literal["auto", "xla", "vmap"] = "auto"
    """The algorithm of convolution."""
    devices: int | None = None
    """How many devices share each batch; by default all that JAX finds."""
    workdir: Path | None = None
    """Write straight into this folder; by default runs/superresolve/<time>."""
    resume: bool = False
    """Continue the run that is in `workdir`, with the options it was started with, to the same bits
    as if it had not stopped."""
    smoke: bool = False
    """Few patches and small photographs: to see that everything works."""

    def __post_init__(self):
        require_types(self)
        rate, most = self.learning_rate, 64 if self.smoke else self.patches
        require("--epochs", 0 <= (self.epochs or 0) <= 10**5, "in [0, 100000]", self.epochs)
        require("--patches", 1 <= self.patches <= 10**6, "in [1, 1000000]", self.patches)
        require("--batch-size", 1 <= self.batch_size <= most, f"in [1, {most}]", self.batch_size)
        require("--learning-rate", 0 < rate < math.inf, "positive and finite", rate)
        require("--seed", 0 <= self.seed < 2**32, "in [0, 2**32)", self.seed)


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    workdir: Path
    psnr: float
    """Of the luma, the mean over the held-out photographs, in dB."""
    epochs: int
    """How many are finished."""
    seconds: float
    """Of this call, compiling and drawing included."""
    exit_code: int = 0
    """0, or 128 + the number of the signal that stopped the run."""


def main(config: Config) -> Result:
    """Train, compare with bicubic interpolation, draw, and print the result."""
    begun, console = time.perf_counter(), _runs.console()
    config, workdir = _runs.open_run("superresolve", config)
    epochs = config.epochs if config.epochs is not None else 2 if config.smoke else 6
    train, held_out = patches(config)
    mesh = _runs.mesh_of(config.devices, config.batch_size)
    batches = training.batches(train, config.batch_size, mesh=mesh)
    model, optimizer, forward = make(config, epochs * batches.steps)
    state, apply = training.init(model, optimizer, forward=forward)
    step = training.make_step(apply, optimizer, restoration.loss(), prepare=preparing(config))
    evaluate = training.make_evaluate(
        apply,
        restoration.loss(crop=config.scale),
        training.batches(held_out, config.batch_size, mesh=mesh),
        prepare=preparing(config),
    )
    checkpoints = training.Checkpoints(workdir, config=_runs.lasting(config))
    with F.using(algorithm=config.algorithm):
        state, watch = _watching.trained(
            console, config, state, step, batches, epochs, evaluate, checkpoints
        )
        pictures = enlarged(config, training.trained(model, state), forward)

    ours = {"espcn": "ESPCN", "srcnn": "SRCNN"}[config.model]
    scores = {
        name: {
            way: _restored.score(of["clean"], of[way], crop=config.scale)
            for way in ("bicubic", ours)
        }
        for name, of in pictures.items()
    }
    mean = {
        way: _restored.means({name: of[way] for name, of in scores.items()})
        for way in ("bicubic", ours)
    }
    draw(workdir, config, watch.records, pictures, scores, ours)
    seconds = time.perf_counter() - begun
    _runs.write_result(
        workdir,
        config,
        headline="psnr",
        metrics={**mean[ours], **{f"psnr of {n}": s[ours].psnr for n, s in scores.items()}},
        baseline={
            **mean["bicubic"],
            **{f"psnr of {n}": s["bicubic"].psnr for n, s in scores.items()},
        },
        seconds=seconds,
    )
    _watching.say_stopped(console, "superresolve", workdir, epochs, watch)
    for way, values in mean.items():
        console.print(f"{way:8} {values['psnr']:.2f} dB, SSIM {values['ssim']:.4f}")
    console.print(f"{seconds:.1f} s, files in {workdir}")
    return Result(workdir, mean[ours]["psnr"], len(watch.records), seconds, watch.stop.exit_code)


def patches(config: Config) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Patches of the luma of the training photographs, and of the others."""
    side = config.scale * SMALL
    counts = (64, 32) if config.smoke else (config.patches, HELD_OUT)
    made = []
    for split, seed, count in zip(("train", "test"), (config.seed, 0), counts):
        arrays = list(photos.load(split).values())
        arrays += [_restored.halved(a) for a in arrays] if split == "train" else []
        lumas = [np.round(luma(a) * 255).astype(np.uint8) for a in arrays]
        clean = photos.crops(jax.random.key(seed), lumas, count, side)
        made.append({"clean": np.asarray(clean)})
    return made[0], made[1]


def luma(photograph: np.ndarray) -> np.ndarray:
    """The luma of a uint8 photograph, (height, width, 1) in [0, 1]."""
    return np.asarray(restoration.luma(photograph.astype(np.float32) / 255))


def degraded(config: Config, clean: jax.Array) -> dict[str, jax.Array]:
    """Clean images, made small, and what the network sees of them."""
    small = restoration.downscale(clean, config.scale)
    bicubic = restoration.upscale(small, config.scale)
    image = small if config.model == "espcn" else bicubic
    return {"clean": clean, "image": image, "small": small, "bicubic": bicubic}


def preparing(config: Config) -> Any:
    """From stored patches to what the network takes, mirrored in training."""
    mirrored = augment.chain(augment.flip(), augment.flip(axis="vertical"))

    def prepare(batch, key):
        clean = batch["clean"]
        if key is not None:
            clean = mirrored(key, {"image": clean})["image"]
        return degraded(config, clean.astype(jnp.float32) / 255)

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
    """For each held-out photograph its luma, clean, small and enlarged in both ways."""

    @jax.jit
    def enlarge(clean):
        batch = degraded(config, clean)
        ways = {"bicubic": batch["bicubic"], config.model.upper(): forward(model, batch)}
        return {"small": batch["small"], **jax.tree.map(restoration.as_stored, ways)}

    pictures = {}
    for name, photograph in photos.load("test").items():
        clean = luma(photograph)
        clean = clean[100:196, 100:196] if config.smoke else clean
        height, width = (n // config.scale * config.scale for n in clean.shape[:2])
        clean = clean[:height, :width]
        ways = {"clean": clean[None], **enlarge(clean[None])}
        pictures[name] = {way: np.asarray(picture)[0, ..., 0] for way, picture in ways.items()}
    return pictures


def draw(
    workdir: Path, config: Config, history: Any, pictures: Any, scores: Any, ours: str
) -> None:
    """Draw the curves, and a part of the photographs where the network gains most and least."""
    if history:
        _restored.curves(workdir / "curves.png", history)
    gains = {name: of[ours].psnr - of["bicubic"].psnr for name, of in scores.items()}
    rows = []
    for name in (max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)):
        of = pictures[name]
        window = _restored.detail(of["clean"], 24 * config.scale)
        small = tuple(slice(s.start // config.scale, s.stop // config.scale) for s in window)
        parts = {"small": of["small"][small]}
        parts |= {way: of[way][window] for way in ("bicubic", ours, "clean")}
        rows.append((name, parts, scores[name]))
    _restored.compare(workdir / "held_out.png", rows)


if __name__ == "__main__":
    _runs.run(main, Config, __doc__)
