"""The options of `experiments.train`."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from cnn_jax import arguments, training
from experiments.running.optimizers import Optimizers, Plan, Schedules
from experiments.running.options import (
    Hosts,
    option,
    require,
    require_algorithm,
    require_types,
    said_of,
)


@dataclass(frozen=True)
class Config(Hosts):
    """Train a network to classify images."""

    # What is trained on what.
    model: str = "lenet"
    """A network of `cnn_jax.models`, by the name of its constructor."""
    model_options: str = "{}"
    """Options of that constructor as JSON, such as '{"dropout": 0.1}'."""
    whiten: int = 0
    """A frozen first layer that whitens patches of so many pixels a side, computed from training
    images; 0 for none."""
    dataset: str = "fashion_mnist_small"
    """A set by name, a folder of images such as ./pets, or a set that TFDS has prepared."""
    folder: Path | None = None
    """Where the set's original files are, or the sets that TFDS has prepared."""
    test_split: str = "test"
    """The split that is evaluated after each epoch."""
    size: int | None = None
    """Height and width that every image gets; needed where they differ in size."""
    channels: int | None = None
    """1 makes images gray, 3 makes them RGB; by default they are as they are, and files are RGB."""
    augment: tuple[str, ...] = ()
    """In training, one after another: flip, pad_crop=4, reflect_crop=4, random_resized_crop=224,
    cutout=8, color_jitter=0.4, rotate=15, affine=10, perspective=0.5, rand_augment=9, mixup=0.2,
    cutmix=1. Where they change the size, evaluation takes the center of that size."""

    # How it is trained.
    epochs: int | None = None
    """Passes over the training images; by default 20, or 2 with --smoke."""
    batch_size: int = 128
    """Images in one training step, on all devices together."""
    optimizer: Optimizers = "adamw"
    """sgd is with momentum; lamb and lars are for large batches."""
    learning_rate: float = 1e-3
    """The highest of the schedule."""
    schedule: Schedules = "one-cycle"
    """one-cycle and cosine fall to 0; step divides by 10 at --drop-at."""
    warmup: float = 0.0
    """Epochs in which the rate rises from near 0; 0 for one-cycle are 30 % of the run."""
    drop_at: tuple[float, ...] = (0.5, 0.75)
    """Where --schedule step divides the rate by 10, in shares of the run."""
    momentum: float = 0.9
    """Of sgd, nesterov and lars; the first beta of adamw and lamb."""
    weight_decay: float = 0.0
    """Of kernels; biases and norms are spared."""
    label_smoothing: float = 0.0
    """The share of each label that is spread over all classes, in training."""
    clip: float = 0.0
    """The largest norm of a gradient; 0 clips none."""
    accumulate: int = 1
    """Steps whose gradients are averaged for one update."""
    average: float = 0.0
    """The decay of a moving average of the parameters, which is evaluated too; 0 keeps none."""
    rates: tuple[str, ...] = ()
    """Learning rates of their own, as factors by path, such as stem=0.1 logits=10."""
    frozen: tuple[str, ...] = ()
    """Paths of layers that are not trained, such as stem stage1."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """To compute in; parameters are float32 always."""
    weights: Path | None = None
    """Start with the weights in this file: of a run of ours, torchvision's or timm's."""
    weights_skip: tuple[str, ...] = ()
    """Layers that keep their initialization, such as logits for other classes."""
    seed: int = 0
    """Decides the initialization, the order of the images, augmentation and dropout."""
    algorithm: str = "auto"
    """The algorithm of convolution and pooling; `python -m cnn_jax.algorithms` lists them."""
    skip_nonfinite: bool = False
    """Leave out steps whose loss or gradient is not finite, instead of ending the run."""

    # When it ends, and which epoch is the best.
    best: str = "test_accuracy"
    """The number of each epoch that says which is the best: the lowest if it is a loss."""
    patience: int = 0
    """End after so many epochs that were no better than the best; 0 never does."""

    # Where the data and the network are.
    resident: bool = False
    """Read all images into memory, and copy them to the device."""
    stream: bool = False
    """Read images while the network trains. By default so if they take more than 2 GiB."""
    threads: int = 4
    """Threads that read a stream."""
    workers: int = 0
    """Processes that read a stream, instead of threads."""
    devices: int | None = None
    """How many devices share each batch; by default all that JAX finds."""
    model_axis: int = 1
    """Devices that share the output channels of large layers; a divisor of their number."""
    fully_sharded: bool = False
    """Split parameters and the optimizer's arrays over the devices that share each batch."""

    # What is written.
    workdir: Path | None = None
    """Write straight into this folder; by default runs/train/<time>."""
    resume: bool = False
    """Continue the run that is in `workdir`, with the options it was started with, to the same bits
    as if it had not stopped."""
    save_every: int | None = None
    """Save also whenever so many steps have been made, not only after each epoch."""
    profile: bool = False
    """Trace about 2 seconds of training into the folder `profile` of the run."""
    tensorboard: bool = False
    """Write the numbers of each epoch into the folder `tensorboard` of the run, too."""
    smoke: bool = False
    """Only 640 images of each split, and 2 epochs by default: to see that everything works."""

    def __post_init__(self):
        require_types(self)
        require("--whiten", 0 <= self.whiten <= 8, "in [0, 8]", self.whiten)
        require("--epochs", 0 <= (self.epochs or 0) <= 10**5, "in [0, 100000]", self.epochs)
        require("--size", self.size is None or self.size >= 1, "at least 1", self.size)
        require("--channels", self.channels in (None, 1, 3), "1 or 3", self.channels)
        for name in ("batch_size", "accumulate", "model_axis"):
            require(option(name), getattr(self, name) >= 1, "at least 1", getattr(self, name))
        for name in ("warmup", "weight_decay", "clip"):
            value = getattr(self, name)
            require(option(name), 0 <= value < math.inf, "at least 0 and finite", value)
        for name in ("momentum", "label_smoothing", "average"):
            value = getattr(self, name)
            require(option(name), 0 <= value < 1, "in [0, 1)", value)
        rate, every = self.learning_rate, self.save_every
        require("--learning-rate", 0 < rate < math.inf, "positive and finite", rate)
        require("--drop-at", all(0 < d < 1 for d in self.drop_at), "in (0, 1)", self.drop_at)
        require("--patience", self.patience >= 0, "at least 0", self.patience)
        require_algorithm(self.algorithm)
        require("--seed", 0 <= self.seed < 2**32, "in [0, 2**32)", self.seed)
        require("--save-every", every is None or every >= 1, "at least 1", every)
        require("--threads", self.threads >= 0, "at least 0", self.threads)
        require("--workers", self.workers >= 0, "at least 0", self.workers)
        one = not (self.resident and self.stream)
        require("--stream", one, "left out with --resident", self.stream)

    @property
    def plan(self) -> Plan:
        """The options of the optimizer."""
        return Plan(**{field.name: getattr(self, field.name) for field in fields(Plan)})

    @property
    def run_epochs(self) -> int:
        """The epochs of the whole run."""
        return (2 if self.smoke else 20) if self.epochs is None else self.epochs

    @property
    def streams(self) -> bool | None:
        """Whether images are read while the network trains; None where their size decides."""
        return True if self.stream else False if self.resident else None

    @property
    def best_epoch(self) -> training.Best:
        """Which epoch is the best.

        Raises:
            RunError: `best` is no number of the records.
        """
        splits = ("train", "test", "average") if self.average else ("train", "test")
        known = [f"{split}_{name}" for split in splits for name in ("accuracy", "loss", "top5")]
        with said_of(best="--best"):
            arguments.one_of("best", self.best, known)
        return training.Best(self.best, "min" if self.best.endswith("loss") else "max")
