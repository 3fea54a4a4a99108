"""The numbers of a run's epochs, and where a run stands."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cnn_jax import arguments

# What `fit` says of an epoch: `epoch` (1 for the first), `step` (steps made), `seconds`, and the
# means `train_loss`, ..., and `test_loss`, ... of each evaluation, by its name.
Record = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run stands: all that is needed to go on as if it had never stopped.

    Args:
        state: a `TrainState`, or the state of a step of yours.
        history: the record of each epoch that has ended.
        partial: what the steps of the epoch that has not ended measured, by name.
        data: the fingerprint of the training data and the batch size; empty before the first epoch.

    Example:
        >>> Progress(state=None, history=({"epoch": 1, "step": 46, "train_loss": 0.5},)).epoch
        1
    """

    state: Any
    history: tuple[Record, ...] = ()
    partial: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """The epochs that have ended."""
        return len(self.history)


@dataclasses.dataclass(frozen=True)
class Best:
    """Which epoch is the best of a run.

    Args:
        metric: a name in the records, such as `"test_accuracy"`.
        mode: `"max"` or `"min"`.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> history = [{"epoch": 1, "test_loss": 0.5}, {"epoch": 2, "test_loss": 0.7}]
        >>> Best("test_loss", "min").of(history)["epoch"]
        1
    """

    metric: str
    mode: str = "max"

    def __post_init__(self):
        if not isinstance(self.metric, str):
            raise TypeError(f"`metric` must be a text; got {arguments.shown(self.metric)}.")
        arguments.one_of("mode", self.mode, ("max", "min"))

    def of(self, history: Sequence[Record]) -> Record | None:
        """Return the best record, the first of equals; None of an empty history.

        Raises:
            ValueError: the records have no such number.
        """
        return min(history, key=self._rank, default=None)

    def _rank(self, record: Record) -> float:
        value = record.get(self.metric)
        if not isinstance(value, int | float):
            hint = arguments.did_you_mean(self.metric, record)
            raise ValueError(
                f"`metric` must be a number of the records, which have {', '.join(record)}; got "
                f"{self.metric!r}.{hint}"
            )
        if math.isnan(value):
            return math.inf
        return -value if self.mode == "max" else value


def no_better(best: Best, *, epochs: int) -> Callable[[Sequence[Record]], bool]:
    """Return a rule for `fit`'s `until`: stop when so many epochs were no better than the best.

    Args:
        best: what is better.
        epochs: how many.

    Raises:
        TypeError, ValueError: `best` is no `Best`, or `epochs` is under 1.

    Example:
        >>> until = no_better(Best("test_loss", "min"), epochs=2)
        >>> losses = [0.5, 0.4, 0.6, 0.4]
        >>> until([{"epoch": i, "test_loss": loss} for i, loss in enumerate(losses, 1)])
        True
    """
    if not isinstance(best, Best):
        raise TypeError(f"`best` must be a training.Best; got {arguments.shown(best)}.")
    arguments.integer("epochs", epochs, at_least=1)

    def until(history: Sequence[Record]) -> bool:
        record = best.of(history)
        return record is not None and len(history) - list(history).index(record) > epochs

    return until
