"""CenterNet finds clothes in scenes: boxes and classes, each object as a point.

    python -m experiments.detect                     40,000 scenes, 2 CPU cores
    python -m experiments.detect --scenes 120000     three times as many
    python -m experiments.detect --smoke             does everything work? half a minute

Each step composes new scenes on the device: garments of Fashion-MNIST's training images, scaled,
turned and laid over each other, so no scene comes twice. Held-out scenes are made of its test
images. Beside it, on the same scenes and by the same metric (COCO's average precision): a LeNet in
a window that slides over an image pyramid.

Writes into runs/detect/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors (and the best ones), curves.png, detections.png and baseline.png (held-out
scenes, right ones above, the worst below), checkpoints/. The same command runs on a GPU or a TPU.
"""

import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from cnn_jax import data, models, training
from cnn_jax import functional as F
from cnn_jax.tasks import detection
from experiments import _detected, _runs, _sliding, _watching
from experiments._options import Hosts, require, require_types

EPOCH = 2048  # scenes between two looks at the held-out ones
HELD_OUT = 512  # scenes
SCALE = (0.7, 1.3)  # of garments of 28 x 28


@dataclass(frozen=True)
class Config(Hosts):
    """Train CenterNet on scenes of Fashion-MNIST."""

    dataset: Literal["fashion_mnist_small", "fashion_mnist"] = "fashion_mnist_small"
    """Where garments come from: the 7,000 images of the package, or all 70,000."""
    scenes: int = 40_000
    """How many are trained on, each once; about so many."""
    size: int = 64
    """Height and width of a scene, a multiple of 16."""
    objects: int = 4
    """The most garments of a scene; the fewest are 1."""
    batch_size: int = 16
    """Scenes in one training step."""
    learning_rate: float = 2e-3
    """The peak of a one-cycle schedule."""
    weight_decay: float = 0.02
    """The weight decay of AdamW."""
    seed: int = 0
    """Decides the initialization and the scenes; the held-out ones are the same for all seeds."""
    algorithm: Literal["auto", "xla", "vmap"] = "auto"
    """The algorithm of convolution and pooling."""
    devices: int | None = None
    """How many devices share each batch; by default all that JAX finds."""
    workdir: Path | None = None
    """Write straight into this folder; by default runs/detect/<time>."""
    resume: bool = False
    """Continue the run that is in `workdir`, with the options it was started with, to the same bits
    as if it had not stopped."""
    smoke: bool = False
    """Only 2 epochs of 64 scenes: to see that everything works."""

    def __post_init__(self):
        require_types(self)
        rate, decay, seed = self.learning_rate, self.weight_decay, self.seed
        require("--scenes", 0 <= self.scenes <= 10**8, "in [0, 100000000]", self.scenes)
        require("--size", self.size % 16 == 0 < self.size, "a multiple of 16", self.size)
        require("--objects", 1 <= self.objects <= 100, "in [1, 100]", self.objects)
        require("--batch-size", 1 <= self.batch_size <= 64, "in [1, 64]", self.batch_size)
        require("--learning-rate", 0 < rate < math.inf, "positive and finite", rate)
        require("--weight-decay", 0 <= decay < math.inf, "at least 0 and finite", decay)
        require("--seed", 0 <= seed < 2**32, "in [0, 2**32)", seed)


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    workdir: Path
    ap50: float
    """Mean average precision on held-out scenes at an overlap of 0.5, after the last step."""
    ap: float
    """At 0.5 to 0.95."""
    epochs: int
    """How many are finished."""
    seconds: float
    """Of this call, compiling, the baseline and drawing included."""
    exit_code: int = 0
    """0, or 128 + the number of the signal that stopped the run."""


def seen(truth: Any) -> dict[str, jax.Array]:
    """What network and loss take of scenes: images in [-2, 2] and boxes, no masks."""
    kept = {name: truth[name] for name in ("boxes", "boxes_valid", "classes")}
    return {**kept, "image": truth["image"].astype(jnp.float32) / 64 - 2}


def drawn(make: Any, key: jax.Array, number: int) -> Any:
    """So many scenes, a multiple of 32, as NumPy arrays; no masks."""
    compiled = jax.jit(lambda keys: {k: v for k, v in make(keys).items() if k != "masks"})
    parts = [jax.device_get(compiled(k)) for k in jax.random.split(key, number).reshape(-1, 32)]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    begun, console = time.perf_counter(), _runs.console()
    config, workdir = _runs.open_run("detect", config)
    train, test = (data.load(config.dataset, split) for split in ("train", "test"))
    options = {"size": config.size, "objects": (1, config.objects), "scale": SCALE}
    make = data.scenes.scenes(train.images, train.labels, **options)
    make_held_out = data.scenes.scenes(test.images, test.labels, **options)
    truth = drawn(make_held_out, jax.random.key(1), 32 if config.smoke else HELD_OUT)

    def prepare(batch, key):
        if key is not None:  # the batch is numbers, which become scenes
            batch = make(jax.vmap(partial(jax.random.fold_in, key))(batch["number"]))
        return seen(batch)

    length = 64 if config.smoke else EPOCH
    epochs = 2 if config.smoke else round(config.scenes / length)
    mesh, loss = _runs.mesh_of(config.devices, config.batch_size), detection.loss()
    batches = training.batches({"number": np.arange(length)}, config.batch_size, mesh=mesh)
    held_out = training.batches(truth, config.batch_size, mesh=mesh)
    model = models.centernet_small(num_classes=len(train.classes), rngs=nnx.Rngs(config.seed))
    steps = max(epochs * batches.steps, 1)
    schedule = optax.cosine_onecycle_schedule(steps, config.learning_rate)
    optimizer = optax.adamw(schedule, weight_decay=config.weight_decay)
    state, apply = training.init(model, optimizer)
    step = training.make_step(apply, optimizer, loss, prepare=prepare)
    predict = training.make_predict(apply, held_out, prepare=prepare)
    decode, losses_of = jax.jit(detection.decode), jax.jit(loss)
    judge = partial(detection.average_precision, truth=truth, classes=len(train.classes))

    def evaluate(state):
        outputs = predict(state)
        losses, parts = jax.device_get(losses_of(outputs, truth))
        means = {name: float(part.mean()) for name, part in {"loss": losses, **parts}.items()}
        return {**means, **judge(jax.device_get(decode(outputs)))}

    checkpoints = training.Checkpoints(
        workdir, config=_runs.lasting(config), best=training.Best("test_ap50")
    )
    with F.using(algorithm=config.algorithm):
        state, watch = _watching.trained(
            console, config, state, step, batches, epochs, evaluate, checkpoints
        )
        found = jax.device_get(decode(predict(state)))
        slid = slide(config, make, truth, len(train.classes))

    metrics, baseline = judge(found), judge(slid)
    if watch.records:
        _detected.curves(workdir / "curves.png", watch.records)
    _detected.scenes(workdir / "detections.png", found, truth, train.classes)
    _detected.scenes(workdir / "baseline.png", slid, truth, train.classes)
    seconds = time.perf_counter() - begun
    _runs.write_result(
        workdir, config, headline="ap50", metrics=metrics, baseline=baseline, seconds=seconds
    )
    _watching.say_stopped(console, "detect", workdir, epochs, watch)
    for name, values in (("CenterNet", metrics), ("sliding LeNet", baseline)):
        console.print(f"{name}: AP at .5 {values['ap50']:.4f}, at .5 to .95 {values['ap']:.4f}")
    console.print(f"{seconds:.1f} s, files in {workdir}")
    done = metrics["ap50"], metrics["ap"], len(watch.records)
    return Result(workdir, *done, seconds, watch.stop.exit_code)


def slide(config: Config, make: Any, truth: Any, classes: int) -> dict[str, Any]:
    """What a LeNet finds that slides over the held-out scenes, trained on the same garments."""
    key = jax.random.key(2 + config.seed)
    trained_on = drawn(make, key, 32 if config.smoke else 8 * HELD_OUT)
    steps = 10 if config.smoke else 3000
    logits = _sliding.train(trained_on, seen, classes, steps=steps, seed=config.seed)
    longest = (trained_on["boxes"][..., 2:] - trained_on["boxes"][..., :2]).max(-1)
    longest = longest[trained_on["boxes_valid"]] * _sliding.PADDED
    at = _sliding.windows(config.size, *np.quantile(longest, (0.1, 0.9)))
    shapes = _sliding.shapes_of(trained_on, classes)
    return _sliding.detect(logits, seen(truth)["image"], shapes, at)


if __name__ == "__main__":
    _runs.run(main, Config, __doc__)
