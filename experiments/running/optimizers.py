"""Optimizers and schedules by name, and what is put around them: clipping, rates, an average."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import optax
import optax.contrib

from cnn_jax import training
from experiments.running.options import require, said_of

Optimizers = Literal["sgd", "nesterov", "adamw", "lamb", "lars"]
Schedules = Literal["one-cycle", "cosine", "step", "constant"]


def sgd(rate: Any, decay: float, momentum: float, *, nesterov: bool = False) -> Any:
    """Momentum; the decay is added to the gradient, as in He et al. 2015."""
    return optax.chain(
        optax.add_decayed_weights(decay, mask=training.decayed),
        optax.sgd(rate, momentum=momentum or None, nesterov=nesterov),
    )


def nesterov(rate: Any, decay: float, momentum: float) -> Any:
    """Nesterov's momentum; the decay is added to the gradient, as in Goyal et al. 2017."""
    return sgd(rate, decay, momentum, nesterov=True)


def adamw(rate: Any, decay: float, momentum: float) -> Any:
    """Adam; the decay is multiplied by the rate alone (Loshchilov and Hutter 2019)."""
    return optax.adamw(rate, b1=momentum, weight_decay=decay, mask=training.decayed)


def lamb(rate: Any, decay: float, momentum: float) -> Any:
    """Adam with a rate for each array, for large batches (You et al. 2020, arXiv:1904.00962)."""
    return optax.lamb(rate, b1=momentum, weight_decay=decay, mask=training.decayed)


def lars(rate: Any, decay: float, momentum: float) -> Any:
    """Momentum with a rate for each array, for large batches (You et al. 2017, 1708.03888)."""
    spared = training.decayed
    return optax.lars(
        rate, decay, weight_decay_mask=spared, trust_ratio_mask=spared, momentum=momentum
    )


def one_cycle(steps: int, rate: float, decay: float, by_adam: Collection[str]) -> Any:
    """Muon for short runs: the rate rises for a tenth of the steps, and then falls to 0.

    Muon takes the momentum of a kernel as a matrix, a column for each output, and steps by the
    nearest orthogonal matrix: so all directions of a kernel are learned at one speed, where Adam
    soon learns those with large gradients, and the others late. Biases and the scales of norms are
    trained by Adam, with a second moment that is a mean of about 50 steps: one of 1,000 still holds
    the large gradients of the beginning, which makes steps too small.

    Args:
        steps: of the whole run; 0 counts as 1.
        rate: the highest, of Adam. A kernel's step is 2 times the rate, as root mean square.
        decay: of the kernels that Muon trains, multiplied by the rate.
        by_adam: names of layers that Adam trains as well: the last ones, and those without a norm,
            for which such steps are too large.

    References:
        Jordan et al., *Muon: an optimizer for hidden layers in neural networks*, 2024,
        https://kellerjordan.github.io/posts/muon. Liu et al., *Muon is scalable for LLM training*,
        2025, arXiv:2502.16982, section 2.2: the step's size.
    """
    schedule = optax.cosine_onecycle_schedule(max(steps, 1), rate, pct_start=0.1)

    def axes(path: Any, array: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
        if array.ndim < 2 or path[0].key in by_adam:
            return None
        *inputs, outputs = range(array.ndim)
        return optax.contrib.MuonDimensionNumbers(tuple(inputs), outputs)

    return optax.contrib.muon(
        schedule,
        weight_decay=decay,
        adam_b2=0.98,
        consistent_rms=2.0,
        muon_weight_dimension_numbers=partial(jax.tree_util.tree_map_with_path, axes),
    )


OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": sgd,
    "nesterov": nesterov,
    "adamw": adamw,
    "lamb": lamb,
    "lars": lars,
}


@dataclass(frozen=True)
class Plan:
    """How a network is optimized; the fields are those of `experiments.train`."""

    optimizer: str
    schedule: str
    learning_rate: float
    warmup: float
    drop_at: Sequence[float]
    weight_decay: float
    momentum: float
    clip: float
    rates: Sequence[str]
    accumulate: int
    average: float

    def make(self, epochs: int, steps: int) -> optax.GradientTransformation:
        """Make the optimizer of a run.

        Args:
            epochs: of the whole run.
            steps: of an epoch; so many batches, `accumulate` of which make one update.

        Raises:
            RunError: a rate cannot be understood.
        """
        updates = max(epochs * steps // self.accumulate, 1)
        rate = self.rate(updates, self.warmup * steps / self.accumulate)
        parts = [optax.clip_by_global_norm(self.clip)] if self.clip else []
        parts.append(OPTIMIZERS[self.optimizer](rate, self.weight_decay, self.momentum))
        if self.rates:
            with said_of(factors="--rates"):
                parts.append(training.scale_by_path(dict(map(path_and_factor, self.rates))))
        if self.average:
            parts.append(training.average_params(self.average))
        made = optax.chain(*parts)
        if self.accumulate > 1:
            several = optax.MultiSteps(made, every_k_schedule=self.accumulate)
            return several.gradient_transformation()
        return made

    def rate(self, updates: int, rising: float) -> optax.Schedule:
        """The learning rate by the number of updates made.

        Args:
            updates: of the whole run.
            rising: the updates in which it rises from near 0 to its peak; 0 for one-cycle are 30 %.
        """
        peak, rising = self.learning_rate, min(round(rising), updates - 1)
        if self.schedule == "one-cycle":
            share = rising / updates if rising else 0.3
            return optax.cosine_onecycle_schedule(updates, peak, pct_start=share)
        rest = updates - rising
        if self.schedule == "cosine":
            after = optax.cosine_decay_schedule(peak, rest)
        elif self.schedule == "step":
            drops = Counter(round(share * updates) - rising for share in self.drop_at)
            after = optax.piecewise_constant_schedule(
                peak, {step: 0.1**times for step, times in drops.items()}
            )
        else:
            after = optax.constant_schedule(peak)
        if not rising:
            return after
        rise = optax.linear_schedule(peak / (rising + 1), peak, rising)
        return optax.join_schedules([rise, after], [rising])


def path_and_factor(text: str) -> tuple[str, float]:
    """Parse a rate of its own.

    Example:
        >>> path_and_factor("stem=0.1")
        ('stem', 0.1)
    """
    path, _, factor = text.partition("=")
    try:
        return path, float(factor)
    except ValueError:
        require("--rates", False, "PATH=FACTOR, such as stem=0.1", repr(text))
        raise
