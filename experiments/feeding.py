"""What training costs beside its steps, and whether data that are streamed keep up.

    python -m experiments.feeding            2 CPU cores: 3 minutes

Prints, each a median of interleaved rounds:

- resident: the share of an epoch of LeNet-5, of 60,000 images, that is not its steps (their order,
  reading the batches, numbers, records), over the same steps on batches that lie ready;
- stream: examples per second out of 32x32 PNG files that are decoded while they are read, over
  those of a plain loop of Grain with the same decoding and nothing to do;
- memory: the growth of this process over 20 streamed epochs.

2 CPU cores: 3 minutes. Draws nothing.
"""

import io
import os
import resource
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
import optax
from flax import nnx
from PIL import Image
from rich.console import Console

from cnn_jax import data, models, training
from cnn_jax.tasks import classification
from experiments import lenet
from experiments.running import command
from experiments.running.options import require, require_types


@dataclass(frozen=True)
class Config:
    """Measure how data get to the steps of training."""

    rounds: int = 5
    """How often each side is timed."""
    batch_size: int = 128
    """Examples of a step."""
    threads: int = 2
    """That read the stream, and Grain's own."""
    epochs: int = 20
    """Streamed while the memory is watched."""
    smoke: bool = False
    """A few hundred examples, one round: to see that everything works."""

    def __post_init__(self):
        require_types(self)
        require("--rounds", self.rounds >= 1, "at least 1", self.rounds)
        require("--batch-size", 1 <= self.batch_size <= 500, "in [1, 500]", self.batch_size)
        require("--threads", self.threads >= 1, "at least 1", self.threads)
        require("--epochs", self.epochs >= 2, "at least 2", self.epochs)


def main(config: Config) -> dict[str, float]:
    """Measure, print, and return the figures by name."""
    console, rounds = Console(soft_wrap=True), 1 if config.smoke else config.rounds
    train = data.load("fashion_mnist_small", "train").examples
    if config.smoke:
        train = {name: array[:512] for name, array in train.items()}
    many = train if config.smoke else {n: np.concatenate([a] * 10) for n, a in train.items()}
    figures = {
        "resident": resident(many, config.batch_size, rounds),
        "stream": stream(pngs(train), config.batch_size, rounds, config.threads),
        "memory": memory(pngs(train), config),
    }
    console.print(f"resident: {figures['resident']:.1%} of an epoch is not its steps")
    console.print(f"stream: {figures['stream']:.2f} of a plain Grain loop's examples per second")
    console.print(f"memory: {figures['memory']:+.1%} over {config.epochs} epochs")
    return figures


def resident(train: Any, batch_size: int, rounds: int) -> float:
    """The share of an epoch that is not its steps."""
    optimizer = optax.adam(1e-3)
    state, apply = training.init(models.lenet(rngs=nnx.Rngs(0)), optimizer)
    step = training.make_step(apply, optimizer, classification.loss(), prepare=lenet.prepare)
    batches, key = training.batches(train, batch_size), jax.random.key(0)
    # Batches that lie ready, one after another: with a single one XLA would prepare it only once.
    ready = jax.device_put(
        {
            name: array[: batches.steps * batch_size].reshape(-1, batch_size, *array.shape[1:])
            for name, array in train.items()
        }
    )

    @jax.jit
    def alone(state, ready):
        def one(state, batch):
            return step(state, batch, jax.random.fold_in(key, state.step))

        return jax.lax.scan(one, state, ready)

    jax.block_until_ready(alone(state, ready))
    run = training.fit(state, step, batches, epochs=rounds + 2, key=key)
    shares = []
    for number, epoch in enumerate(seconds_of(run)):
        start = time.perf_counter()
        jax.block_until_ready(alone(state, ready))
        steps = time.perf_counter() - start
        if number >= 2:  # the first compiles, and the second is cut by the first's time
            shares.append(1 - steps / epoch)
    return statistics.median(shares)


def seconds_of(run: Any) -> Iterator[float]:
    """The seconds that each item of an iterator takes."""
    while True:
        start = time.perf_counter()
        if next(run, None) is None:
            return
        yield time.perf_counter() - start


class PNGs:
    """Examples whose images are decoded when they are read."""

    def __init__(self, files: list[bytes], labels: np.ndarray):
        self.files, self.labels = files, labels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        image = np.asarray(Image.open(io.BytesIO(self.files[index])))
        return {"image": image[..., None], "label": self.labels[index]}


def pngs(train: Any) -> PNGs:
    """The examples as PNG files in memory, 32x32."""
    files = []
    for image in np.pad(train["image"][..., 0], ((0, 0), (2, 2), (2, 2))):
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "png")
        files.append(stream.getvalue())
    return PNGs(files, train["label"])


def stream(records: PNGs, batch_size: int, rounds: int, threads: int) -> float:
    """Examples per second over those of a plain loop of Grain."""
    batches = training.batches(records, batch_size, threads=threads)
    run, key = batches.program(count), jax.random.key(0)
    steps, ratios = batches.steps, []
    plain = grain.MapDataset.range(len(records)).shuffle(seed=0).map(records.__getitem__)
    plain = plain.batch(batch_size, drop_remainder=True)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=16)
    state, _ = run(Counted(jax.numpy.int32(0)), 0, steps, key)
    for number in range(1, rounds + 1):
        start = time.perf_counter()
        state, _ = run(state, number * steps, steps, key)
        ours = time.perf_counter() - start
        batches.close()  # what it reads ahead would be read while the other is timed
        start = time.perf_counter()
        for _ in plain.to_iter_dataset(options):
            pass
        ratios.append((time.perf_counter() - start) / ours)
    return statistics.median(ratios)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Counted:
    """The state of a step that does next to nothing."""

    step: jax.Array


def count(state: Counted, batch: Any, key: jax.Array) -> tuple[Counted, dict[str, jax.Array]]:
    """A step that does next to nothing with its batch."""
    return Counted(state.step + 1), {"loss": batch["label"][0].astype("float32")}


def memory(records: PNGs, config: Config) -> float:
    """The growth of this process's memory from the second epoch to the last."""
    batches = training.batches(records, config.batch_size, threads=config.threads)
    state, sizes = Counted(jax.numpy.int32(0)), []
    run = training.fit(state, count, batches, epochs=config.epochs, key=jax.random.key(0))
    for _ in run:
        sizes.append(resident_bytes())
    return sizes[-1] / sizes[1] - 1


def resident_bytes() -> int:
    """The memory of this process that is not swapped out; the most so far where that is unknown."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    command.run(main, Config, __doc__)
