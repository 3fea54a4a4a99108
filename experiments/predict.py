"""Tell what a trained network sees in image files: its most likely classes, in a table and drawn.

    python -m experiments.predict runs/train/2026-01-31_12-00-00 cat.jpg dog.png
    python -m experiments.predict resnet18.safetensors cat.jpg --model resnet18 \\
        --dataset ./pets --size 128

Images may have any size, be gray or in color, and lie on their side if EXIF says so: they are
brought to what the network was trained on. Writes predictions.png.

2 CPU cores: less than a minute. Draws predictions.png.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from cnn_jax import data
from cnn_jax import functional as F
from cnn_jax.data.sources import FittedRecords, ImageRecords
from cnn_jax.tasks import classification
from experiments import evaluate
from experiments.drawing import plots
from experiments.running import command, loading
from experiments.running.options import (
    RunError,
    require,
    require_algorithm,
    require_left_out,
    require_types,
)


@dataclass(frozen=True)
class Config:
    """Predict the classes of image files."""

    run_or_weights: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN_OR_WEIGHTS")]
    """The folder of a run, or a file of weights."""
    images: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="IMAGE")]
    """Files to look at: JPEG, PNG, GIF, BMP, TIFF, WebP or PPM."""
    top: int = 5
    """How many classes to show of each."""
    which: loading.Which = "last"
    """Of a run's weights: the last, those of the best epoch, or the averages of either."""
    model: str | None = None
    """For a file of weights that is in no run's folder: the network's name."""
    model_options: str = "{}"
    """Its options, as JSON."""
    dataset: str | None = None
    """With --model: the set whose classes it tells apart."""
    folder: Path | None = None
    """With --model: where the set's original files are, or the sets that TFDS has prepared."""
    size: int | None = None
    """With --model: height and width that every image gets."""
    channels: int | None = None
    """With --model: 1 or 3."""
    algorithm: str = "auto"
    """The algorithm of convolution and pooling."""
    out: Path = Path("predictions.png")
    """The picture to write."""

    def __post_init__(self):
        require_types(self)
        require_algorithm(self.algorithm)
        if self.model is None:
            names = ("model_options", "dataset", "folder", "size", "channels")
            require_left_out(self, "without `--model`", *names)
        require("--top", self.top >= 1, "at least 1", self.top)
        require("IMAGE", bool(self.images), "at least one file", "none")
        require("--out", self.out.suffix == ".png", "a file.png", self.out)


def main(config: Config) -> list[dict[str, Any]]:
    """Predict, print and draw.

    Returns:
        For each image its file, and its classes and their probabilities, the most likely first.
    """
    console = Console(soft_wrap=True)
    network = None
    if config.model is not None:
        names = ("run_or_weights", "model", "model_options", "dataset", "folder")
        names += ("size", "channels")
        network = evaluate.network_of(
            evaluate.Config(**{name: getattr(config, name) for name in names})
        )
    trained = loading.trained(config.run_or_weights, config.which, network)
    network = trained.network
    images = read(config.images, network.stored)
    with F.using(algorithm=config.algorithm):
        classes, probabilities = classification.decode(logits(trained, images), top=config.top)
    guesses = [
        [(network.classes[c], float(p)) for c, p in zip(*pair)]
        for pair in zip(classes, probabilities)
    ]
    plots.predictions(config.out, list(images), [file.name for file in config.images], guesses)
    table = Table()
    for head in ("image", "class", "probability"):
        table.add_column(head, justify="right" if head == "probability" else "left")
    for file, guessed in zip(config.images, guesses):
        for rank, (name, probability) in enumerate(guessed):
            first, last = rank == 0, rank + 1 == len(guessed)
            table.add_row(str(file) if first else "", name, f"{probability:.4f}", end_section=last)
    console.print(table)
    console.print(f"wrote {config.out}")
    return [{"image": file, "classes": g} for file, g in zip(config.images, guesses)]


def read(paths: tuple[Path, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Read image files as images of one shape, uint8 (n, height, width, channels).

    Raises:
        RunError: one is missing, a folder, or no image.
    """
    paths = tuple(Path(path).expanduser() for path in paths)
    for path in paths:
        if path.is_dir():
            raise RunError(f"`IMAGE` must be a file; {path} is a folder.")
        if not path.exists():
            raise RunError(f"`IMAGE` {path} does not exist.")
    root = Path.cwd()
    records = ImageRecords(root, [str(path.absolute()) for path in paths], [0] * len(paths))
    height, width, channels = shape
    fitted = FittedRecords(records, (height, width), channels)
    try:
        return np.stack([example["image"] for example in fitted.read([*range(len(paths))])])
    except data.DamagedFileError as error:
        raise RunError(f"`IMAGE`: {error}") from error


def logits(trained: loading.Trained, images: np.ndarray) -> np.ndarray:
    """What a trained network says of stored images, (n, classes)."""
    prepare = trained.network.prepare()

    @jax.jit
    def outputs(state, images):
        return trained.apply(state.params, state.stats, prepare({"image": images}, None))[0]

    return np.asarray(outputs(trained.state, jnp.asarray(images)))


if __name__ == "__main__":
    command.run(main, Config, __doc__ or "")
