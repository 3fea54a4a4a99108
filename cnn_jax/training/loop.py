"""The training loop: epochs, tests, checkpoints."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cnn_jax import arguments

from ._checks import (
    check_batch_size,
    check_key,
    check_labels,
    check_optimizer,
    check_split,
    check_type,
)
from ._leaves import differences, shapes, some
from .checkpoint import Checkpoints
from .epoch import make_epoch
from .evaluate import make_evaluate
from .record import EpochRecord, check_history
from .state import Apply, TrainState
from .step import make_step


class NonFiniteLossError(FloatingPointError):
    """The loss became NaN or infinite.

    Args:
        step: the step at fault, counted from 1.
        epoch: its epoch, counted from 1.
    """

    def __init__(self, message: str, *, step: int, epoch: int):
        super().__init__(message)
        self.step = step
        self.epoch = epoch


def fit(
    state: TrainState,
    apply: Apply,
    optimizer: optax.GradientTransformation,
    train: tuple[Any, Any],
    test: tuple[Any, Any],
    *,
    epochs: int,
    batch_size: int,
    key: jax.Array,
    checkpoints: Checkpoints | None = None,
    history: Sequence[EpochRecord] | None = None,
) -> Iterator[tuple[EpochRecord, TrainState]]:
    """Train, yielding a record and the state after each epoch. Print nothing.

    With `checkpoints`, the initial state is saved, and the state after each epoch before it is
    yielded. So a caller may stop at any record and continue the run later; the results are then,
    bit for bit, those of a run that never stopped.

    Args:
        state: from `init`, or from `Checkpoints.restore`. It is copied and stays usable.
        apply: from `init`.
        optimizer: the one that `init` was given.
        train: images `(n, ...)` as stored, and labels `(n,)`, integers in `[0, classes)`. Both are
            put on the device once.
        test: images and labels in the same form, of any number.
        epochs: of the whole run, those in `history` included.
        batch_size: examples per step; the remainder of an epoch is left out.
        key: typed; the order of examples, dropout and all other random values derive from it and
            from the step.
        checkpoints: where to save; None saves nothing.
        history: the second result of `Checkpoints.restore`; None starts a new run.

    Returns:
        An iterator of `(record, state)`. Use the state before asking for the next: its buffers are
        donated to the next epoch.

    Raises:
        TypeError, ValueError: an argument is wrong; raised before any training.
        CheckpointError: the run is new but the directory of `checkpoints` holds one, or another
            process trains there.
        NonFiniteLossError: a loss became NaN or infinite. That epoch is not saved, so the last
            checkpoint is good.

    Example:
        >>> from flax import nnx
        >>> from cnn_jax import training
        >>> model, optimizer = nnx.Linear(4, 2, rngs=nnx.Rngs(0)), optax.adam(0.1)
        >>> state, apply = training.init(model, optimizer, lambda images: images)
        >>> images = np.random.default_rng(0).normal(size=(64, 4))
        >>> split = images, (images[:, 0] > 0).astype(int)
        >>> run = fit(
        ...     state, apply, optimizer, split, split, epochs=3, batch_size=16,
        ...     key=jax.random.key(0),
        ... )
        >>> for record, state in run:
        ...     print(record.epoch, record.step, record.test_accuracy > 0.5)
        1 4 True
        2 8 True
        3 12 True
    """
    check_type("state", state, TrainState, "a TrainState, as `init` returns")
    arguments.function("apply", apply, "(params, stats, images, key)")
    check_optimizer(optimizer)
    arguments.integer("epochs", epochs, at_least=0)
    check_key(key)
    if checkpoints is not None:
        check_type("checkpoints", checkpoints, Checkpoints, "training.Checkpoints or None")
    if history is not None:
        check_history(history)
    _check_same_optimizer(state, optimizer)
    train, test = check_split("train", train), check_split("test", test)
    check_batch_size(batch_size, len(train[0]))
    for name, (images, labels) in {"train": train, "test": test}.items():
        logits, _ = jax.eval_shape(apply, state.params, state.stats, images[:1])
        check_labels(name, labels, logits.shape[-1])
    steps = len(train[0]) // batch_size
    finished = len(history or ())
    if state.step != finished * steps:
        raise ValueError(
            f"`state` must stand at the end of `history`, {finished} epochs of {steps} steps; "
            f"it has made {state.step} steps. Were data or `batch_size` others before?"
        )
    epoch = make_epoch(make_step(apply, optimizer), batch_size)
    evaluate = make_evaluate(apply, batch_size)
    state = jax.tree.map(jnp.copy, state)
    lock = None
    if checkpoints is not None:
        lock = checkpoints.lock()
        if history is None:
            checkpoints.start(state)
    run = _epochs(state, epoch, evaluate, train, test, epochs, key, checkpoints, history or ())
    return _holding(lock, run)


def _check_same_optimizer(state, optimizer):
    expected = jax.eval_shape(optimizer.init, state.params)
    if found := differences(shapes(expected), shapes(state.opt_state)):
        raise ValueError(
            "`optimizer` must be the one that `init` was given; its state (here) and that of "
            f"`state` (there) differ: {some(found)}."
        )


def _holding(lock, run):
    """The epochs; the lock is held as long as somebody may ask for the next one."""
    try:
        yield from run
    finally:
        if lock is not None:
            lock.release()


def _epochs(state, epoch, evaluate, train, test, epochs, key, checkpoints, history):
    for number in range(len(history) + 1, epochs + 1):
        start = time.perf_counter()
        state, metrics = epoch(state, *train, key)
        evaluation = evaluate(state, *test)
        # Python handles Ctrl-C while it waits here, but not while it reads an array.
        jax.block_until_ready((metrics, evaluation))
        step, losses = int(state.step), np.asarray(metrics.loss)
        record = EpochRecord(
            epoch=number,
            step=step,
            train_loss=float(losses.mean()),
            train_accuracy=float(np.asarray(metrics.accuracy).mean()),
            test_loss=float(evaluation.loss),
            test_accuracy=float(evaluation.accuracy),
            seconds=time.perf_counter() - start,
        )
        _check_finite(losses, record, checkpoints)
        history = (*history, record)
        if checkpoints is not None:
            checkpoints.save(state, history)
        yield record, state


def _check_finite(losses, record, checkpoints):
    bad = np.flatnonzero(~np.isfinite(losses))
    if len(bad):
        step = record.step - len(losses) + int(bad[0]) + 1
        what = f"The training loss became {losses[bad[0]]} at step {step}"
    elif not np.isfinite(record.test_loss):
        step = record.step
        what = f"The test loss became {record.test_loss} after step {step}"
    else:
        return
    if checkpoints is None:
        kept = "Nothing was saved, as `fit` was given no `checkpoints`."
    else:
        kept = f"The last good checkpoint is {checkpoints.folder(record.epoch - 1)}."
    raise NonFiniteLossError(
        f"{what}, in epoch {record.epoch}. Try a smaller learning rate, a warmup, or "
        f"optax.clip_by_global_norm, and look for NaN in the images. {kept}",
        step=step,
        epoch=record.epoch,
    )
