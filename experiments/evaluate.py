"""Evaluate a trained network: accuracy, loss, calibration, and the figures of each class.

    python -m experiments.evaluate runs/train/2026-01-31_12-00-00
    python -m experiments.evaluate runs/train/2026-01-31_12-00-00 --which best --split train
    python -m experiments.evaluate resnet50.safetensors --model resnet50 --dataset ./pets --size 224

Writes into the folder `evaluation` beside the weights: evaluation.json and confusion.png.

2 CPU cores: less than a minute. Draws confusion.png.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from cnn_jax import data, files, training
from cnn_jax import functional as F
from cnn_jax.tasks import classification
from experiments.data import labeled
from experiments.drawing import plots
from experiments.running import command, loading, networks
from experiments.running.options import (
    RunError,
    require,
    require_algorithm,
    require_left_out,
    require_types,
    said_of,
)

MANY = 30  # classes; of more, the table shows the worst


@dataclass(frozen=True)
class Config:
    """Evaluate a trained network on a split."""

    run_or_weights: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN_OR_WEIGHTS")]
    """The folder of a run, or a file of weights."""
    which: loading.Which = "last"
    """Of a run's weights: the last, those of the best epoch, or the averages of either."""
    dataset: str | None = None
    """Another set than the one that the network was trained on, with the same classes."""
    folder: Path | None = None
    """Where the set's original files are, or the sets that TFDS has prepared."""
    split: str | None = None
    """Of the set; by default the one that the run held out, or test."""
    model: str | None = None
    """For a file of weights that is in no run's folder: the network's name. The images are then
    normalized as the set is."""
    model_options: str = "{}"
    """Its options, as JSON."""
    size: int | None = None
    """Height and width that every image gets, with --model."""
    channels: int | None = None
    """1 or 3, with --model."""
    batch_size: int = 256
    """Images that are computed at once."""
    devices: int | None = None
    """How many devices share them; by default all that JAX finds."""
    algorithm: str = "auto"
    """The algorithm of convolution and pooling."""
    smoke: bool = False
    """Only 640 images."""
    out: Path | None = None
    """The folder to write to; by default `evaluation` beside the weights."""

    def __post_init__(self):
        require_types(self)
        require("--batch-size", self.batch_size >= 1, "at least 1", self.batch_size)
        require_algorithm(self.algorithm)
        if self.model is None:
            require_left_out(self, "without `--model`", "model_options", "size", "channels")
        elif self.dataset is None:
            raise RunError("`--model` needs `--dataset`, whose classes the network tells apart.")


def main(config: Config) -> dict[str, Any]:
    """Evaluate, print, write, and return what evaluation.json holds."""
    console = Console(soft_wrap=True)
    network = None if config.model is None else network_of(config)
    trained = loading.trained(config.run_or_weights, config.which, network)
    network, name = trained.network, config.dataset or trained.network.dataset
    own = name == network.dataset
    split = config.split or (trained.config.get("test_split") if own else None) or "test"
    smoke = config.smoke or (own and trained.config.get("smoke"))
    images = labeled.opened(
        name,
        split,
        folder=config.folder,
        **fitting(config, name, network),
        most=labeled.SMOKE if smoke else None,
    )
    require(
        "--dataset",
        tuple(images.classes) == network.classes,
        f"of the {len(network.classes)} classes of the network, {some(network.classes)}",
        f"{len(images.classes)}, {some(images.classes)}",
    )
    values = evaluated(config, trained, images)
    confusion = values.pop("confusion")
    result = {
        "weights": str(trained.weights),
        "dataset": name,
        "split": split,
        "images": len(images),
        "metrics": values,
        "classes": per_class(confusion, network.classes),
        "confusion": confusion.tolist(),
        "versions": command.versions(),
    }
    out = config.out or trained.weights.parent / "evaluation"
    out.mkdir(parents=True, exist_ok=True)
    files.replace(out / "evaluation.json", json.dumps(result, indent=1) + "\n")
    plots.confusion(out / "confusion.png", confusion, network.classes)
    console.print(table(result["classes"]))
    numbers = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
    console.print(f"{len(images)} images of {name}, {split}: {numbers}")
    console.print(f"wrote {out / 'evaluation.json'} and confusion.png")
    return result


def evaluated(config: Config, trained: loading.Trained, images: labeled.Split) -> dict[str, Any]:
    """The metrics of a split, with those that `experiments.train` reports."""
    classes = len(trained.network.classes)
    mesh = command.mesh_of(config.devices, config.batch_size)
    sharing = 1 if mesh is None else mesh.shape["data"]
    size = min(config.batch_size, len(images)) // sharing * sharing
    require("--devices", size > 0, f"at most the {len(images)} images", sharing)
    evaluate = training.make_evaluate(
        trained.apply,
        classification.loss(top=loading.top(classes)),
        training.batches(images, size, mesh=mesh),
        prepare=trained.network.prepare(),
        metrics=loading.metrics(classes),
    )
    with F.using(algorithm=config.algorithm):
        return evaluate(trained.state)


def network_of(config: Config) -> networks.Network:
    """The network that `--model` names, for the images of `--dataset`."""
    name, model = str(config.dataset), str(config.model)
    train = labeled.opened(
        name,
        "train",
        folder=config.folder,
        size=config.size,
        channels=config.channels,
        stream=True,
    )
    mean, std = labeled.normalization(name, train)
    shape = tuple(int(side) for side in labeled.shape_of(train))
    given = networks.options(config.model_options, model)
    return networks.Network(model, given, 0, shape, shape, mean, std, tuple(train.classes), name)


def fitting(config: Config, dataset: str, network: networks.Network) -> dict[str, Any]:
    """The size and channels to ask of a set, so that its images are as the network's were."""
    with said_of(**labeled.NAMING):
        shape = data.info(dataset, folder=config.folder).shape
    if shape == network.stored:
        return {}
    return {"size": network.stored[:2], "channels": network.stored[-1]}


def per_class(confusion: np.ndarray, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """For each class its images, and how many are found and rightly called so.

    Example:
        >>> per_class(np.array([[3, 1], [0, 4]]), ("cat", "dog"))[0]
        {'class': 'cat', 'images': 4, 'recall': 0.75, 'precision': 1.0, 'taken_for': 'dog'}
    """
    rows = []
    for number, name in enumerate(classes):
        own, wrong = int(confusion[number, number]), confusion[number].copy()
        wrong[number] = 0
        images, called = int(confusion[number].sum()), int(confusion[:, number].sum())
        rows.append(
            {
                "class": name,
                "images": images,
                "recall": own / images if images else None,
                "precision": own / called if called else None,
                "taken_for": classes[int(wrong.argmax())] if wrong.any() else None,
            }
        )
    return rows


def table(rows: list[dict[str, Any]]) -> Table:
    """The figures of each class; of many classes, of the worst."""
    shown = rows
    if len(rows) > MANY:
        shown = sorted(rows, key=lambda row: row["recall"] if row["images"] else 2)[:MANY]
    made = Table(title=f"the worst {MANY} of {len(rows)} classes" if shown is not rows else None)
    for head in ("class", "images", "recall", "precision", "most often taken for"):
        made.add_column(head, justify="left" if head[0] in "cm" else "right")
    for row in shown:
        shares = ("" if row[n] is None else f"{row[n]:.3f}" for n in ("recall", "precision"))
        made.add_row(row["class"], str(row["images"]), *shares, row["taken_for"] or "")
    return made


def some(classes: tuple[str, ...]) -> str:
    """The first three names.

    Example:
        >>> some(("cat", "dog", "eel", "fox"))
        'cat, dog, eel, ...'
    """
    return ", ".join(classes[:3]) + (", ..." if len(classes) > 3 else "")


if __name__ == "__main__":
    command.run(main, Config, __doc__ or "")
