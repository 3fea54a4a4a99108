"""The numbers of one epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from ._checks import check_type


@dataclass(frozen=True)
class EpochRecord:
    """The numbers of one epoch, as Python numbers: ready for a table, a JSON line or a plot.

    Args:
        epoch: epochs finished, so 1 for the first.
        step: optimizer steps finished.
        train_loss: mean over the epoch's steps, each measured before its update, in nats.
        train_accuracy: mean over the same batches, in `[0, 1]`.
        test_loss: over the whole test split, after the epoch, in nats.
        test_accuracy: over the same examples, in `[0, 1]`.
        seconds: of training and testing; in the first epoch they include compiling.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


def check_history(history: Sequence[EpochRecord]) -> None:
    """Refuse what is no sequence of records."""
    check_type("history", history, Sequence, "a sequence of EpochRecord")
    for record in history:
        check_type("history", record, EpochRecord, "a sequence of EpochRecord")
