"""What a state makes of a whole split: every example once."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from cnn_jax import arguments

from .feeding import Batches
from .hosts import fetch
from .state import Apply
from .step import Loss, Prepare, loss_first, measures, unprepared


class Metric(Protocol):
    """A metric that is no mean over examples, in three pure functions; see `tasks.Accumulator`."""

    @property
    def start(self) -> Callable[[], Any]:
        """`() -> total`."""
        ...

    @property
    def add(self) -> Callable[[Any, Any, Any], Any]:
        """`(total, outputs, batch) -> total`."""
        ...

    @property
    def result(self) -> Callable[[Any], Any]:
        """`(total) -> value`, on the host."""
        ...


def make_evaluate(
    apply: Apply,
    loss: Loss,
    batches: Batches,
    *,
    prepare: Prepare = unprepared,
    metrics: Mapping[str, Metric] | None = None,
) -> Callable[[Any], dict[str, Any]]:
    """Return a function that evaluates a state on a split.

    The model runs in evaluation mode, and `prepare` gets no key. Every example counts once.

    Args:
        apply: from `init`.
        loss: as for `make_step`.
        batches: the split, from `batches` or `Own`.
        prepare: as for `make_step`.
        metrics: by name, metrics that are no means over examples, such as a confusion matrix: see
            `tasks.Accumulator`.

    Returns:
        `evaluate(state) -> values`: the means over all examples of `loss` and its other measures,
        and the metrics' results, by name.

    Raises:
        TypeError: an argument is no function.
        ValueError: a metric has the name of one of the loss's measures (found when it is used).

    Example:
        >>> import optax
        >>> from flax import nnx
        >>> from cnn_jax import tasks, training
        >>> state, apply = training.init(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), optax.sgd(0.1))
        >>> split = {"image": np.ones((20, 4), np.float32), "label": np.zeros(20, int)}
        >>> counts = tasks.classification.confusion(classes=3)
        >>> evaluate = make_evaluate(
        ...     apply, tasks.classification.loss(), training.batches(split, 8),
        ...     metrics={"confusion": counts},
        ... )
        >>> values = evaluate(state)
        >>> sorted(values), int(values["confusion"].sum())
        (['accuracy', 'confusion', 'loss'], 20)
    """
    arguments.function("apply", apply, "(params, stats, batch)")
    arguments.function("loss", loss, "(outputs, batch)")
    arguments.function("prepare", prepare, "(batch, key)")
    metrics = dict(metrics or {})

    @jax.jit
    def add(totals, params, stats, batch):
        batch = prepare(batch, None)
        outputs, _ = apply(params, stats, batch)
        named = measures(loss, outputs, batch)
        if both := sorted(named.keys() & metrics):
            raise ValueError(f"`metrics` must not be called as measures of the loss; got {both}.")
        totals = {name: metrics[name].add(totals[name], outputs, batch) for name in metrics}
        return totals, {name: values.sum() for name, values in named.items()}

    def evaluate(state):
        totals, sums, count = {name: metric.start() for name, metric in metrics.items()}, [], 0
        for batch in batches.in_order():
            totals, sum_of_batch = add(totals, state.params, state.stats, batch)
            sums.append(sum_of_batch)
            count += len(jax.tree.leaves(batch)[0])
        totals, sums = fetch((totals, sums))
        means = {name: sum(float(s[name]) for s in sums) / count for name in loss_first(sums[0])}
        return {**means, **{name: metrics[name].result(total) for name, total in totals.items()}}

    return evaluate


def make_predict(
    apply: Apply, batches: Batches, *, prepare: Prepare = unprepared
) -> Callable[[Any], Any]:
    """Return a function that gives a state's outputs for a whole split.

    Args:
        apply: from `init`.
        batches: the split, from `batches` or `Own`.
        prepare: as for `make_step`; it gets no key.

    Returns:
        `predict(state) -> outputs`: NumPy arrays, `(examples, ...)`, in the order of the data.

    Raises:
        TypeError: an argument is no function.

    Example:
        >>> import optax
        >>> from flax import nnx
        >>> from cnn_jax import training
        >>> state, apply = training.init(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), optax.sgd(0.1))
        >>> split = training.batches({"image": np.ones((20, 4), np.float32)}, 8)
        >>> make_predict(apply, split)(state).shape
        (20, 3)
    """
    arguments.function("apply", apply, "(params, stats, batch)")
    arguments.function("prepare", prepare, "(batch, key)")

    @jax.jit
    def outputs_of(params, stats, batch):
        return apply(params, stats, prepare(batch, None))[0]

    def predict(state):
        parts = [fetch(outputs_of(state.params, state.stats, b)) for b in batches.in_order()]
        return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)

    return predict
