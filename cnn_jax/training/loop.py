"""The training loop: epochs, evaluations, checkpoints."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments

from ._checks import check_key, check_type
from ._leaves import differences, some
from ._run import Epochs
from ._run import NonFiniteLossError as NonFiniteLossError
from .checkpoint import Checkpoints
from .feeding import Batches
from .hosts import from_first, same_on_all
from .interrupt import asked_anywhere
from .record import Progress, Record
from .sharding import place
from .step import Step


class Asked(Protocol):
    """Something that says whether to stop: a `threading.Event`, or `stop_on_signal`'s."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


def fit(
    start: Any,
    step: Step,
    batches: Batches,
    *,
    epochs: int,
    key: jax.Array,
    evaluate: Mapping[str, Callable[[Any], Mapping[str, Any]]] | None = None,
    checkpoints: Checkpoints | None = None,
    save_every: int | None = None,
    until: Callable[[Sequence[Record]], bool] | None = None,
    stop: Asked | None = None,
    fully_sharded: bool = False,
    report: Callable[[int], None] | None = None,
) -> Iterator[tuple[Record, Any]]:
    """Train, yielding a record and the state after each epoch. Print nothing.

    With `checkpoints`, the initial state is saved, and the state after each epoch before it is
    yielded. So a caller may stop at any record and continue the run later; the results are then,
    bit for bit, those of a run that never stopped.

    Args:
        start: a state from `init`, for a new run; or where one stands, from `Checkpoints.restore`.
            It is copied and stays usable.
        step: from `make_step`, or yours: `(state, batch, key) -> (state, {name: ()})`; the metrics
            have a `loss`.
        batches: of the training data, from `batches`, or `Own`.
        epochs: of the whole run, those that have ended included.
        key: typed; the order of examples, dropout and all other random values derive from it and
            from the step.
        evaluate: by name, such as `{"test": make_evaluate(...)}`: what is run after each epoch. Its
            numbers come into the record, as `test_loss`.
        checkpoints: where to save; None saves nothing.
        save_every: save also whenever so many steps have been made in all.
        until: `history -> bool`: end early, such as `no_better(...)`.
        stop: asked about every 2 seconds: once it is set the state is saved, in the middle of an
            epoch too, and the iterator ends. Of several processes any one may be asked to stop: all
            do, after the same step.
        fully_sharded: over several devices, split the parameters; see `place`.
        report: called with the steps made so far, about every 2 seconds.

    Returns:
        An iterator of `(record, state)`. Use the state before asking for the next: its buffers are
        donated to the next epoch.

    Raises:
        TypeError, ValueError: an argument is wrong; raised before any training.
        CheckpointError: the run is new but the directory of `checkpoints` holds one, or another
            process trains there.
        NonFiniteLossError: a loss became NaN or infinite. What came after the last checkpoint is
            not saved, so that one is good.
        OSError: a checkpoint cannot be written; those before are good.

    Example:
        >>> import optax
        >>> from flax import nnx
        >>> from cnn_jax import tasks, training
        >>> model, optimizer = nnx.Linear(4, 2, rngs=nnx.Rngs(0)), optax.adam(0.1)
        >>> state, apply = training.init(model, optimizer)
        >>> images = np.random.default_rng(0).normal(size=(64, 4))
        >>> split = training.batches({"image": images, "label": (images[:, 0] > 0) * 1}, 16)
        >>> loss = tasks.classification.loss()
        >>> run = fit(
        ...     state, training.make_step(apply, optimizer, loss), split, epochs=3,
        ...     key=jax.random.key(0),
        ...     evaluate={"test": training.make_evaluate(apply, loss, split)},
        ... )
        >>> for record, state in run:
        ...     print(record["epoch"], record["step"], record["test_accuracy"] > 0.5)
        1 4 True
        2 8 True
        3 12 True
    """
    progress = start if isinstance(start, Progress) else Progress(start)
    evaluate = {} if evaluate is None else evaluate
    _check(progress, step, batches, epochs, key, evaluate, checkpoints)
    if save_every is not None:
        arguments.integer("save_every", save_every, at_least=1)
    if until is not None:
        arguments.function("until", until, "(history)")
    if stop is not None and not hasattr(stop, "is_set"):
        raise TypeError(
            f"`stop` must have `is_set()`, as a threading.Event has; got {arguments.shown(stop)}."
        )
    if report is not None:
        arguments.function("report", report, "(steps)")
    arguments.flag("fully_sharded", fully_sharded)
    data = {**batches.fingerprint, "batch_size": batches.batch_size, "steps": batches.steps}
    _check_processes(progress, batches, data, epochs, key)
    _check_place(progress, batches, data)
    if batches.mesh is None:
        state = jax.tree.map(jnp.copy, progress.state)
    else:
        state = place(progress.state, batches.mesh, fully_sharded=fully_sharded)
    lock = None
    if checkpoints is not None:
        lock = checkpoints.lock()
        if not progress.data:
            checkpoints.start(Progress(state, data=data))
    saver = Saver(checkpoints, save_every)
    run = _epochs(
        progress,
        Epochs(state, step, batches, key),
        data,
        epochs,
        evaluate,
        saver,
        until,
        stop,
        report,
    )
    return _holding(lock, run, batches, saver)


class Saver:
    """Checkpoints of a run, if there are any."""

    def __init__(self, checkpoints: Checkpoints | None, every: int | None):
        self.checkpoints, self.every = checkpoints, every

    def save(self, progress: Progress) -> None:
        """Save while the training goes on."""
        if self.checkpoints is not None:
            self.checkpoints.save_later(progress)

    def wait(self) -> None:
        """Wait until the last one is written."""
        if self.checkpoints is not None:
            self.checkpoints.wait()

    def steps_from(self, made: int) -> int:
        """How many steps to make until the next one."""
        return 2**31 - 1 if self.every is None else self.every - made % self.every

    def kept(self) -> str:
        """Say which checkpoint is the last good one."""
        if self.checkpoints is None:
            return "Nothing was saved, as `fit` was given no `checkpoints`."
        self.wait()
        return (
            f"The last good checkpoint is {self.checkpoints.folder(self.checkpoints.steps()[-1])}."
        )


def _epochs(progress, run, data, epochs, evaluate, saver, until, stop, report):
    history = tuple(progress.history)
    run.measured = {n: np.asarray(values, np.float32) for n, values in progress.partial.items()}

    def here():
        partial = {name: values.tolist() for name, values in run.measured.items()}
        return Progress(run.state, history, partial, data)

    def stopped():
        return stop is not None and asked_anywhere(stop)

    while len(history) < epochs and not stopped() and not (until and until(history)):
        start = time.perf_counter()
        try:
            while True:
                run.advance(saver.steps_from(run.made))
                if report is not None:
                    report(run.made)
                if run.at_end:
                    break
                if stopped():
                    saver.save(here())
                    return
                if saver.every and run.made % saver.every == 0:
                    saver.save(here())
            record = {"epoch": len(history) + 1, "step": run.made, **run.means()}
            for split, function in evaluate.items():
                values = function(run.state)
                record |= {f"{split}_{n}": v for n, v in values.items() if _is_number(v)}
            run.check_evaluation(record)
        except NonFiniteLossError as error:
            raise error.followed_by(saver.kept()) from None
        history = (*history, record | {"seconds": from_first(time.perf_counter() - start)})
        saver.save(here())
        saver.wait()
        yield history[-1], run.state


def _holding(lock, run, batches, saver):
    """The epochs; the lock is held as long as somebody may ask for the next one."""
    try:
        yield from run
        saver.wait()
    finally:
        batches.close()
        if lock is not None:
            lock.release()


def _check(progress, step, batches, epochs, key, evaluate, checkpoints):
    """Refuse wrong arguments of `fit`."""
    if not hasattr(progress.state, "step"):
        raise TypeError(
            "`start` must be a TrainState, as `init` returns, another state with a field `step`, "
            f"or a Progress; got {arguments.shown(progress.state)}."
        )
    arguments.function("step", step, "(state, batch, key)")
    if not all(hasattr(batches, name) for name in ("program", "steps", "fingerprint")):
        raise TypeError(
            "`batches` must be what training.batches(data, batch_size) returns; got "
            f"{arguments.shown(batches)}."
        )
    arguments.integer("epochs", epochs, at_least=0)
    check_key(key)
    if not isinstance(evaluate, Mapping):
        raise TypeError(
            "`evaluate` must be a mapping of names to functions, such as {'test': f}; got "
            f"{arguments.shown(evaluate)}."
        )
    for name, function in evaluate.items():
        arguments.function(f"evaluate[{name!r}]", function, "(state)")
    if checkpoints is not None:
        check_type("checkpoints", checkpoints, Checkpoints, "training.Checkpoints or None")


def _check_place(progress: Progress, batches: Batches, data: Mapping[str, Any]) -> None:
    """Refuse a run whose data or batches were others."""
    if progress.data and (found := differences(data, progress.data)):
        raise ValueError(
            f"`batches` must be those that the run was begun with; now (here) and then (there) "
            f"{some(found)}."
        )
    made = int(progress.state.step)
    if made // batches.steps != progress.epoch:
        raise ValueError(
            f"`start` must stand in the epoch after its {progress.epoch} records, at "
            f"{batches.steps} steps each; it has made {made} steps."
        )


def _check_processes(progress, batches, data, epochs, key) -> None:
    """Refuse what would make several processes wait for each other forever."""
    if jax.process_count() == 1:
        return
    if batches.mesh is None:
        raise ValueError(
            f"`batches` must have a mesh, training.make_mesh(), over the {jax.process_count()} "
            "processes."
        )
    place = [int(progress.state.step), progress.epoch, epochs, jax.random.key_data(key).tolist()]
    for name, text in (
        ("batches", json.dumps([type(batches).__name__, data], sort_keys=True)),
        ("start`, `epochs` and `key", json.dumps(place)),
    ):
        if not same_on_all(text):
            raise ValueError(f"`{name}` must be the same in all processes; here: {text}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
