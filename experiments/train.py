"""Train any network on any images, with every option of training.

    python -m experiments.train --model resnet20 --dataset cifar10 --augment flip pad_crop=4
    python -m experiments.train --preset lenet_fashion_mnist --epochs 5
    python -m experiments.train --model resnet18 --dataset ./pets --size 128 \\
        --weights resnet18.safetensors --weights-skip logits

`--preset NAME` begins with a recipe of experiments/running/recipes.py; options that are given
besides win.

Writes into runs/train/<time>/: config.json (the options, and the network with its classes, as
`experiments.evaluate` and `experiments.predict` read them), metrics.jsonl (a line per epoch),
result.json, weights.safetensors (and the best ones, and the averages), curves.png, confusion.png,
checkpoints/. One device or several; on several hosts with --coordinator, --processes and --process.
In a notebook: `train.main(train.Config(model="lenet", epochs=3))`, or
`train.main(train.preset("resnet20_cifar10", epochs=3))`.

2 CPU cores: 0.3 to 0.4 minutes with --preset lenet_fashion_mnist. Draws curves.png.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from cnn_jax import functional as F
from cnn_jax import training
from cnn_jax.tasks import classification
from experiments.baselines import nearest_mean
from experiments.data import augmentations, labeled
from experiments.drawing import plots
from experiments.running import command, loading, networks, profiles, recipes, watching
from experiments.running.options import require, said_of
from experiments.running.recipes import preset as preset
from experiments.running.train_options import Config

PATCHES_OF = 5000  # training images that a whitening layer is computed from


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    workdir: Path
    test_accuracy: float | None
    """On the whole test split, after the last finished epoch; None before the first."""
    epochs: int
    """How many are finished."""
    seconds: float
    """Of this call, compiling and drawing included."""
    exit_code: int = 0
    """0, or 128 + the number of the signal that stopped the run."""


def main(config: Config) -> Result:
    """Train, draw, and print the result."""
    begun, console = time.perf_counter(), command.console()
    config, workdir = command.open_run("train", config)
    first = jax.process_index() == 0  # of several hosts: the one that writes
    epochs, best = config.run_epochs, config.best_epoch
    train, test = splits(config)
    classes = len(train.classes)
    augmentation = augmentations.augmentation(config.augment, classes)
    network = network_of(config, train, augmentation)
    batches, held_out = batches_of(config, train, test)
    command.describe(workdir, network=network.facts())

    checkpoints = training.Checkpoints(workdir, command.lasting(config), best=best)
    new = not checkpoints.steps()
    patches = new and config.whiten > 0
    model = network.make(config.seed, labeled.some_images(train, PATCHES_OF) if patches else None)
    if config.weights is not None and new:
        networks.load_weights(model, config.weights, config.weights_skip)
    optimizer = config.plan.make(epochs, batches.steps)
    with said_of(factors="--rates", frozen="--frozen"):
        state, apply = training.init(
            model,
            optimizer,
            frozen=(*config.frozen, "whiten") if config.whiten else config.frozen,
            dtype=None if config.dtype == "float32" else jnp.dtype(config.dtype),
        )

    top = loading.top(classes)
    step = training.make_step(
        apply,
        optimizer,
        classification.loss(label_smoothing=config.label_smoothing, top=top),
        prepare=network.prepare(augmentation),
        skip_nonfinite=config.skip_nonfinite,
    )
    evaluate = training.make_evaluate(
        apply,
        classification.loss(top=top),
        held_out,
        prepare=network.prepare(),
        metrics=loading.metrics(classes),
    )
    evaluations = {"test": evaluate}
    if config.average:
        evaluations["average"] = lambda state: evaluate(training.averaged(state))

    start = training.Progress(state) if new else checkpoints.restore(state)
    state = start.state
    with (
        F.using(algorithm=config.algorithm),
        watching.watching(console, workdir, batches, epochs, start) as watch,
        profiles.profiling(workdir / "profile", on=config.profile and first) as profile,
        profiles.tensorboard(workdir / "tensorboard", on=config.tensorboard and first) as log,
    ):

        def report(made: int) -> None:
            watch.report(made)
            profile(made)

        with said_of(batches="--dataset"):  # of a resumed run
            run = training.fit(
                start,
                step,
                batches,
                epochs=epochs,
                key=jax.random.key(config.seed),
                evaluate=evaluations,
                checkpoints=checkpoints,
                save_every=config.save_every,
                until=training.no_better(best, epochs=config.patience) if config.patience else None,
                stop=watch.stop,
                fully_sharded=config.fully_sharded,
                report=report,
            )
        for record, state in run:
            watch.epoch(record)
            log(record)
        if first:
            plots.curves(workdir / "curves.png", watch.records)
        if watch.stop.is_set() and len(watch.records) < epochs:
            watching.say_stopped(console, "train", workdir, epochs, watch)
            accuracy = watch.records[-1]["test_accuracy"] if watch.records else None
            return result(workdir, accuracy, watch, begun)
        measured = {name: function(state) for name, function in evaluations.items()}

    if first:
        plots.confusion(workdir / "confusion.png", measured["test"]["confusion"], train.classes)
    metrics = {
        f"{'' if split == 'test' else 'average_'}{name}": value
        for split, values in measured.items()
        for name, value in values.items()
        if name != "confusion"
    }
    command.write_result(
        workdir,
        config,
        headline="accuracy",
        metrics=metrics,
        baseline={"accuracy": nearest_mean.nearest_mean(train, test)},
        seconds=time.perf_counter() - begun,
    )
    ended = result(workdir, metrics["accuracy"], watch, begun)
    numbers = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())
    console.print(f"test: {numbers}; {ended.seconds:.1f} s, files in {workdir}")
    return ended


def result(workdir: Path, accuracy: float | None, watch: watching.Watch, begun: float) -> Result:
    """What `main` returns."""
    seconds = time.perf_counter() - begun
    return Result(workdir, accuracy, len(watch.records), seconds, watch.stop.exit_code)


def splits(config: Config) -> tuple[labeled.Split, labeled.Split]:
    """Open the training and the held-out split."""
    options: dict[str, Any] = {
        "folder": config.folder,
        "size": config.size,
        "channels": config.channels,
        "stream": config.streams,
        "most": labeled.SMOKE if config.smoke else None,
    }
    train = labeled.opened(config.dataset, "train", **options, option="--dataset")
    test = labeled.opened(config.dataset, config.test_split, **options, option="--test-split")
    for split in (train, test):
        if not isinstance(split, labeled.data.Source):
            with said_of(labels="--dataset"):
                classification.check_labels(split.labels, len(train.classes))
    return train, test


def network_of(config: Config, train: labeled.Split, augmentation: Any) -> networks.Network:
    """The network, as it fits the training images."""
    mean, std = labeled.normalization(config.dataset, train)
    stored = tuple(int(side) for side in labeled.shape_of(train))
    shape = augmentations.shape_after(augmentation, stored)
    require(
        "--augment",
        all(seen <= own for seen, own in zip(shape, stored)),
        f"of a size that the images of {stored[0]}x{stored[1]} have, or give a larger `--size`",
        f"{shape[0]}x{shape[1]}",
    )
    return networks.Network(
        model=config.model,
        options=networks.options(config.model_options, config.model),
        whiten=config.whiten,
        shape=shape,
        stored=stored,
        mean=mean,
        std=std,
        classes=tuple(train.classes),
        dataset=config.dataset,
    )


def batches_of(config: Config, train: labeled.Split, test: labeled.Split) -> tuple[Any, Any]:
    """The batches of both splits, over the devices."""
    mesh = command.mesh_of(config.devices, config.batch_size, config.model_axis)
    images = len(train)
    require(
        "--batch-size",
        config.batch_size <= images,
        f"at most the number of training images, {images}",
        config.batch_size,
    )
    sharing = 1 if mesh is None else mesh.shape["data"]
    whole = min(config.batch_size, len(test)) // sharing * sharing
    require("--devices", whole > 0, f"at most the {len(test)} images of a split", sharing)
    options: dict[str, Any] = {"mesh": mesh, "threads": config.threads, "workers": config.workers}
    resident = None if config.streams is None else not config.streams
    with said_of(batch_size="--batch-size"):
        return (
            training.batches(train, config.batch_size, resident=resident, **options),
            training.batches(test, whole, resident=resident, **options),
        )


if __name__ == "__main__":
    command.run(main, Config, __doc__ or "", recipes.parse)
