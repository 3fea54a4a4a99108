"""A whole training step of a network, by JAX's built-ins and by our algorithms."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from experiments.compare_ops.clocks import timing
from experiments.compare_ops.clocks.pytorch import TorchError, TorchWorker
from experiments.compare_ops.clocks.timing import Effort
from experiments.compare_ops.layers.case import BUILT_IN, TORCH
from experiments.compare_ops.steps import networks
from experiments.compare_ops.steps.networks import Network, Operations

RATE = 1e-3
BLOCKS = 2  # JAX's steps are made in this many blocks, each followed by PyTorch's


@dataclass(frozen=True)
class StepMeasurement:
    """The measurement of one way to compute a network's training step."""

    contender: str
    status: str
    """``"timed"``, ``"not supported"`` or ``"failed"``."""
    reason: str = ""
    milliseconds: float | None = None
    ratio: float | None = None
    """The built-in's median time over this one's."""
    spread: tuple[float, float] | None = None
    largest_error: float | None = None
    """After one step: the largest difference from the built-in's parameters, over the largest
    change of a parameter in that step."""
    compile_seconds: float | None = None
    temp_bytes: int | None = None
    runs: int = 0


@dataclass(frozen=True)
class Step:
    """The training step of a network."""

    network: str
    x: tuple[int, ...]
    measurements: tuple[StepMeasurement, ...]
    """The built-in's first."""

    def against_torch(self, contender: str) -> float | None:
        """PyTorch's time over that of a contender, if both were timed: over 1 is faster."""
        times = {m.contender: m.milliseconds for m in self.measurements}
        own, torch = times.get(contender), times.get(TORCH)
        return torch / own if own and torch else None


def step(network: Network, operations: Operations) -> Callable:
    """A step of gradient descent, (parameters, images, labels) -> (parameters, loss)."""

    def loss(params, x, labels):
        logits = networks.logits(network, operations, params, x)
        return -(labels * jax.nn.log_softmax(logits)).sum(-1).mean()

    def descend(params, x, labels):
        value, gradients = jax.value_and_grad(loss)(params, x, labels)
        return [p - RATE * g for p, g in zip(params, gradients)], value

    return descend


def compare(
    network: Network,
    algorithms: Sequence[str],
    effort: Effort,
    smoke: bool,
    torch: TorchWorker | None = None,
) -> Step:
    """Compile the step by every contender, check one step, and time them in turn.

    Args:
        network: the network.
        algorithms: of ours.
        effort: when to stop.
        smoke: on two images.
        torch: PyTorch in its own process, if it is to be compared.
    """
    if smoke:
        network = replace(network, x=(2, *network.x[1:]))
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal(network.x, np.float32))
    labels = jax.nn.one_hot(jnp.arange(len(x)) % networks.CLASSES, networks.CLASSES)
    start = networks.parameters(network)
    runs, abouts, expected = {}, [], None
    for name in (BUILT_IN, *algorithms):
        operations = networks.built_in() if name == BUILT_IN else networks.ours(name)
        try:
            state = list(map(jnp.array, start))  # copies, as a step donates its state
            program = timing.compiled(step(network, operations), state, x, labels, donate=(0,))
            if name != BUILT_IN and program.temp_bytes > effort.temp_bytes:
                about = StepMeasurement(name, "too large", temp_bytes=program.temp_bytes)
                abouts.append(about)
                continue
            trainer = Trainer(program.call, state, x, labels)
            trainer.time()
        except ValueError as error:
            abouts.append(StepMeasurement(name, "not supported", str(error)))
            continue
        except Exception as error:  # whatever one algorithm meets, the others go on
            abouts.append(StepMeasurement(name, "failed", f"{type(error).__name__}: {error}"))
            continue
        after = list(map(np.array, trainer.state))
        expected = after if name == BUILT_IN else expected
        abouts.append(
            StepMeasurement(
                name,
                "timed",
                largest_error=largest_error(after, expected, start) if expected else None,
                compile_seconds=program.compile_seconds,
                temp_bytes=program.temp_bytes,
            )
        )
        runs[name] = trainer.time
    times: dict[str, list[float]] = {name: [] for name in (*runs, TORCH)}
    for block in range(BLOCKS):
        at_least = -(-(effort.at_least - block) // BLOCKS)
        for name, own in timing.in_turn(runs, effort.seconds / BLOCKS, at_least).items():
            times[name] += own
        if torch is not None:
            given = (network.name, network.x, start, RATE, effort.seconds / BLOCKS, at_least)
            try:
                own, after = torch.time_steps(*given)
            except TorchError as error:
                times[TORCH], torch = [], None
                abouts.append(StepMeasurement(TORCH, "failed", str(error)))
                continue
            times[TORCH] += own
            if block == BLOCKS - 1:
                error = largest_error(after, expected, start) if expected else None
                abouts.append(StepMeasurement(TORCH, "timed", largest_error=error))
    return Step(network.name, network.x, tuple(timed(about, times) for about in abouts))


class Trainer:
    """Runs training steps, each on the state that the one before returned."""

    def __init__(self, program: Callable, state: list[jax.Array], x: jax.Array, labels: jax.Array):
        self.state, self._program, self._batch = state, program, (x, labels)

    def time(self) -> float:
        """Make a step, and return how long it took."""

        def once():
            self.state, loss = self._program(self.state, *self._batch)
            return self.state, loss

        return timing.seconds_of(once)


def largest_error(after: Sequence, expected: Sequence, start: Sequence) -> float | None:
    """The largest difference of two steps' results, over the largest change of a parameter."""
    difference = max(float(np.abs(a - b).max()) for a, b in zip(after, expected))
    change = max(float(np.abs(a - b).max()) for a, b in zip(expected, start))
    error = difference / change
    return error if np.isfinite(error) else None


def timed(about: StepMeasurement, times: dict[str, list[float]]) -> StepMeasurement:
    """`about` with the median time and the ratio to the built-in added."""
    own, built_in = times.get(about.contender), times.get(BUILT_IN)
    if not own:
        return about
    about = replace(about, milliseconds=1e3 * statistics.median(own), runs=len(own))
    if not built_in:
        return about
    ratio = timing.ratio(built_in, own, neighbors=about.contender != TORCH)
    return replace(about, ratio=ratio.median, spread=ratio.spread)
