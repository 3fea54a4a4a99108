"""Causal convolutions say in a sentence what is in a scene, and where each word looks.

    python -m experiments.caption                 90 epochs of 2,048 scenes, 2 CPU cores
    python -m experiments.caption --epochs 50     0.73 of the sentences are right, not 0.76
    python -m experiments.caption --words fine    a noun for each of the ten classes
    python -m experiments.caption --smoke         does everything work? a few steps

Each step composes new scenes on the device, of one to three garments of Fashion-MNIST's training
images on photographs, and the sentence that is true of them, such as "a top above two shoes":
numbers, nouns, and where things are. The network also learns what each cell of its map shows: the
sentence alone says too little about the pixels. Held-out scenes are made of test images on other
photographs. A sentence counts if all of its words are right. In some scenes two things lie almost
diagonally, so that "left of" and "above" are equally true; a second figure counts only scenes whose
relations are clear by 4 pixels or more.

Beside it the sentence that is most frequent in training, said of every scene.

Writes into runs/caption/<time>/: config.json, metrics.jsonl (a line per epoch), result.json,
weights.safetensors (and the best ones), curves.png, captions.png (held-out scenes, right ones
above, the worst below), looking.png (where each word looks, and which words it sees), checkpoints/.
The same command runs on a GPU or a TPU.

2 CPU cores: 11 minutes. Draws captions.png.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cnn_jax import models, training
from cnn_jax.data.scenes import COARSE, FINE, Language
from cnn_jax.tasks import captioning, segmentation
from experiments.data import making
from experiments.drawing import captioned, plots
from experiments.running import command
from experiments.running.optimizers import one_cycle
from experiments.running.options import Training, require, require_weight_decay
from experiments.running.run import Result, Run

EPOCH = 2048  # scenes between two looks at the held-out ones
HELD_OUT = 1024  # scenes
SCALE = (0.7, 1.3)  # of garments of 28 x 28
VISIBLE = 0.7  # of each garment at least
CLEAR = 4.0  # pixels
CELL, CELLS = 8, 10.0  # pixels of a cell of the map; the weight of what the cells say
MEASURES = {"sentence": " (nats)", "exact": " (share of sentences)"}
WORDS = {"coarse": COARSE, "fine": FINE}
# After the encoder, which alone has a norm after each kernel.
BY_ADAM = ("embedding", "summary", "words1", "words2", "words3", "hidden", "logits", "cells")


@dataclass(frozen=True)
class Config(Training):
    """Train a captioner on scenes of Fashion-MNIST."""

    dataset: Literal["fashion_mnist_small", "fashion_mnist"] = "fashion_mnist_small"
    """Where garments come from: the 7,000 images of the package, or all 70,000."""
    words: Literal["coarse", "fine"] = "coarse"
    """Nouns: top, trousers, dress, shoe and bag; or one for each of the ten classes."""
    size: int = 64
    """Height and width of a scene, a multiple of 8."""
    objects: int = 3
    """The most garments of a scene; the fewest are 1."""
    beams: int = 3
    """How many beginnings of a sentence are kept while it is found; 1 takes the likeliest word."""
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.2
    """The weight decay of Muon."""

    def __post_init__(self):
        super().__post_init__()
        fits = self.size % CELL == 0 and 32 <= self.size <= 256
        require("--size", fits, "32, 40, ... 256", self.size)
        require("--objects", 1 <= self.objects <= 4, "in [1, 4]", self.objects)
        require("--beams", 1 <= self.beams <= 100, "in [1, 100]", self.beams)
        require_weight_decay(self.weight_decay)


def seen(language: Language, truth: Any) -> dict[str, jax.Array]:
    """What network and loss take of scenes: images in [-2, 2] and true sentences."""
    objects = truth["classes"], truth["boxes_visible"], truth["boxes_valid"]
    return {
        "image": truth["image"].astype(jnp.float32) / 64 - 2,
        "words": language.describe(*objects),
        "margin": language.margin(*objects),
        "label": segmentation.targets(truth)["label"][:, CELL // 2 :: CELL, CELL // 2 :: CELL],
    }


def look_and_read(model: Any, batch: Any) -> dict[str, jax.Array]:
    """The logits of all words, each of the true ones before it, and of what each cell shows."""
    maps = model.feature_maps(batch["image"], batch["words"][:, :-1])
    return {name: maps[name] for name in ("logits", "cells")}


def loss(outputs: Any, batch: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Of the sentence; and of what each cell of the map shows, which the encoder learns sooner."""
    sentences, parts = captioning.loss(outputs["logits"], batch)
    cells, _ = segmentation.loss()(outputs["cells"], {"label": batch["label"]})
    return sentences + CELLS * cells, {**parts, "sentence": sentences}


def main(config: Config) -> Result:
    """Train, say what is in held-out scenes, draw, and print the result."""
    with Run("caption", config) as run:
        config, language = run.config, WORDS[run.config.words]
        options = {"size": config.size, "objects": (1, config.objects), "scale": SCALE}
        options |= {"pixels": making.many(config.smoke), "min_visible": VISIBLE}
        *made, classes = making.scenes(config.dataset, **options)
        make, make_held_out = (lambda keys, m=m: seen(language, m(keys)) for m in made)
        few = 32 if config.smoke else HELD_OUT
        held_out = making.drawn(make_held_out, jax.random.key(1), few)

        def prepare(batch, key):
            return batch if key is None else making.new(make, batch, key)

        epochs = config.epochs_of(90)
        numbers = making.numbers(64 if config.smoke else EPOCH)
        batches, split = run.batches(numbers, held_out)
        counts = {"vocabulary": len(language.vocabulary), "kinds": 1 + len(classes)}
        # A batch norm's averages over these photographs are not those of the held-out ones.
        model = models.captioner(**counts, blocks=3, norm="group", rngs=nnx.Rngs(config.seed))
        steps = epochs * batches.steps
        optimizer = one_cycle(steps, config.learning_rate, config.weight_decay, BY_ADAM)
        state, apply = training.init(model, optimizer, forward=look_and_read)
        step = training.make_step(apply, optimizer, loss, prepare=prepare)
        evaluate = training.make_evaluate(apply, loss, split, prepare=prepare)
        state = run.train(state, step, batches, epochs, evaluate, best="test_exact")

        trained, length = training.trained(model, state), held_out["words"].shape[1]
        said = captioned.said(trained, held_out["image"], length, config.beams)
        frequent = most_frequent(make, 64 if config.smoke else 4 * EPOCH, config.seed)
        usual = np.broadcast_to(frequent, held_out["words"].shape)
        if run.records:
            plots.curves(run.workdir / "curves.png", run.records, MEASURES)
        captioned.captions(run.workdir / "captions.png", held_out, said, language)
        captioned.looking(run.workdir / "looking.png", trained, held_out, said, language)
        return run.finish("exact_match", judge(said["words"], held_out), judge(usual, held_out))


def most_frequent(make: Any, count: int, seed: int) -> np.ndarray:
    """The most frequent sentence of so many training scenes."""
    words = jax.device_get(making.drawn(make, jax.random.key(2 + seed), count, leave=["image"]))
    return np.array(Counter(map(tuple, words["words"].tolist())).most_common(1)[0][0])


def judge(words: np.ndarray, held_out: Any) -> dict[str, float]:
    """How good sentences are: of all held-out scenes, and of those whose relations are clear."""
    right = captioning.exact_match(words, held_out["words"])
    bleu = captioning.bleu(words, held_out["words"])
    clear = held_out["margin"] >= CLEAR
    return {"exact_match": right.mean(), "bleu4": bleu, "exact_match if clear": right[clear].mean()}


if __name__ == "__main__":
    command.run(main, Config, __doc__)
