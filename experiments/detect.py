"""CenterNet finds clothes in scenes: boxes and classes, each object as a point.

    python -m experiments.detect                  90 epochs of 2,048 scenes, 2 CPU cores
    python -m experiments.detect --epochs 240     three times as many
    python -m experiments.detect --data voc/2007 --size 128     a real set that TFDS has prepared
    python -m experiments.detect --smoke          does everything work? half a minute

Each step composes new scenes on the device: garments of Fashion-MNIST's training images, scaled,
turned and laid over each other, so no scene comes twice. Held-out scenes are made of its test
images. Beside it, on the same scenes and by the same metric (COCO's average precision): a LeNet in
a window that slides over an image pyramid.

--data takes any set with boxes that TFDS has prepared: voc, coco, wider_face. Its pictures are
resized to --size, each side on its own, and mirrored, scaled and moved at random in training. Held
out are up to 512 pictures, spread over the split. Crowds do not count; difficult objects do. And
--data faces trains on the 14 faces on the left side of one photograph, and finds the 15 on its
right side, where Debian's package visp-images-data is installed.

Writes into runs/detect/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors (and the best ones), curves.png, detections.png and baseline.png (held-out
scenes, right ones above, the worst below), checkpoints/. The same command runs on a GPU or a TPU.

2 CPU cores: 14 minutes. Draws detections.png.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cnn_jax import models, training
from cnn_jax.tasks import detection
from experiments.baselines import sliding
from experiments.data import making, real_sets
from experiments.drawing import detected, plots
from experiments.running import command
from experiments.running.optimizers import one_cycle
from experiments.running.options import OnSets, require, require_weight_decay
from experiments.running.run import Result, Run

EPOCH = 2048  # scenes between two looks at the held-out ones
HELD_OUT = 512  # scenes, or pictures
SCALE = (0.7, 1.3)  # of garments of 28 x 28
OF_EACH = 8  # objects of a picture that the sliding LeNet learns from
FIGURES = {"test_ap50": "at 0.5", "test_ap": "at 0.5 to 0.95"}


@dataclass(frozen=True)
class Config(OnSets):
    """Train CenterNet on scenes of Fashion-MNIST, or on a real set."""

    dataset: Literal["fashion_mnist_small", "fashion_mnist"] = "fashion_mnist_small"
    """Where garments come from: the 7,000 images of the package, or all 70,000."""
    size: int = 64
    """Height and width of a scene, a multiple of 16."""
    objects: int = 4
    """The most garments of a held-out scene; to train on, twice as many. The fewest are 1."""
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.2
    """The weight decay of Muon."""
    nms: float = 1.0
    """Boxes of a class that overlap a likelier one by more than this are dropped; 1 keeps all, for
    peaks of a 3x3 pool rarely repeat."""

    def __post_init__(self):
        super().__post_init__()
        require("--size", self.size % 16 == 0 < self.size <= 256, "16, 32, ... 256", self.size)
        require("--objects", 1 <= self.objects <= 100, "in [1, 100]", self.objects)
        require_weight_decay(self.weight_decay)
        require("--nms", 0 < self.nms <= 1, "in (0, 1]", self.nms)


def seen(truth: Any) -> dict[str, jax.Array]:
    """What network and loss take of scenes: images in [-2, 2] and boxes, no masks."""
    kept = {name: truth[name] for name in ("boxes", "boxes_valid", "classes")}
    return {**kept, "image": truth["image"].astype(jnp.float32) / 64 - 2}


def decoded(outputs: jax.Array, most: float) -> dict[str, jax.Array]:
    """Boxes of peaks, of score 0 where a likelier one of the class overlaps by more than `most`."""
    return detection.nms(detection.decode(outputs), overlap=most)


def main(config: Config) -> Result:
    """Train, compare, draw, and print the result."""
    with Run("detect", config) as run:
        config = run.config
        if config.data is None:
            examples = making.examples(
                config, (EPOCH, HELD_OUT), fuller=2, leave=["masks"], scale=SCALE
            )
        else:
            examples = real_sets.boxes(config, HELD_OUT)
        train, new, truth, classes, some = examples

        def prepare(batch, key):
            return seen(batch if key is None else new(batch, key))

        epochs, loss = config.epochs_of(90), detection.loss()
        batches, held_out = run.batches(train, truth)
        model = models.centernet_small(num_classes=len(classes), rngs=nnx.Rngs(config.seed))
        steps = epochs * batches.steps
        optimizer = one_cycle(steps, config.learning_rate, config.weight_decay, model.HEAD)
        state, apply = training.init(model, optimizer)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        predict = training.make_predict(apply, held_out, prepare=prepare)
        decode, losses_of = jax.jit(partial(decoded, most=config.nms)), jax.jit(loss)
        judge = partial(detection.average_precision, truth=truth, classes=len(classes))

        def evaluate(state):
            outputs = predict(state)
            losses, parts = jax.device_get(losses_of(outputs, truth))
            means = {name: float(part.mean()) for name, part in {"loss": losses, **parts}.items()}
            return {**means, **judge(jax.device_get(decode(outputs)))}

        state = run.train(state, step, batches, epochs, evaluate, best="test_ap50")
        found = jax.device_get(decode(predict(state)))
        slid = slide(config, some, truth, len(classes))
        if run.records:
            file = run.workdir / "curves.png"
            plots.loss_and_figures(
                file, run.records, "average precision on held-out scenes", FIGURES
            )
        detected.scenes(run.workdir / "detections.png", found, truth, classes)
        detected.scenes(run.workdir / "baseline.png", slid, truth, classes)
        return run.finish("ap50", judge(found), judge(slid))


def slide(config: Config, some: Any, truth: Any, classes: int) -> dict[str, Any]:
    """What a LeNet finds that slides over the held-out scenes, trained on some of the others."""
    key, count = jax.random.key(2 + config.seed), 32 if config.smoke else 8 * HELD_OUT
    trained_on = some(key, count)
    for name in ("boxes", "boxes_valid", "classes"):  # of real pictures, each of many objects
        trained_on[name] = trained_on[name][:, :OF_EACH]
    steps = 10 if config.smoke else 3000
    logits = sliding.train(trained_on, seen, classes, steps=steps, seed=config.seed)
    longest = (trained_on["boxes"][..., 2:] - trained_on["boxes"][..., :2]).max(-1)
    longest = longest[trained_on["boxes_valid"]] * sliding.PADDED
    at = sliding.windows(config.size, *np.quantile(longest, (0.1, 0.9)))
    shapes = sliding.shapes_of(trained_on, classes)
    return sliding.detect(logits, seen(truth)["image"], shapes, at)


if __name__ == "__main__":
    command.run(main, Config, __doc__)
