"""Training: from a Flax model and arrays to a trained state, the same on CPU, GPU and TPU.

One file for each stage, in the order in which data pass through them:

- `state`: a model becomes a `TrainState` of plain arrays and `apply`, a pure function.
- `optimizers`: what optax lacks: an average of the parameters, rates and decay by path.
- `step`: `apply`, the loss, its gradient and the optimizer make one pure step.
- `epoch`: a `lax.scan` of that step over shuffled data that lie on the device: one dispatch.
- `evaluate`: loss, accuracy and predictions of a split, every example once: one dispatch.
- `loop`: after each epoch, `fit` writes a checkpoint and then yields the epoch's record.
- `checkpoint`, `interrupt`: a run that was stopped continues as if it had not been, bit for bit.

What an experiment writes::

    state, apply = training.init(model, optimizer, prepare)
    checkpoints = training.Checkpoints(workdir / "checkpoints", config=dataclasses.asdict(config))
    history = None
    if config.resume:
        state, history = checkpoints.restore(state)

    run = training.fit(
        state, apply, optimizer, (train_images, train_labels), (test_images, test_labels),
        epochs=config.epochs, batch_size=config.batch_size, key=jax.random.key(config.seed),
        checkpoints=checkpoints, history=history,
    )
    with training.stop_on_interrupt() as stop:
        for record, state in run:
            ...  # log `record`; use `state` now, the next epoch takes its buffers
            if stop.is_set():
                break

    evaluation = training.make_evaluate(apply, config.batch_size)(state, test_images, test_labels)
    training.confusion_matrix(test_labels, evaluation.predictions, classes=10)
    model = training.trained(model, state)
"""

from .checkpoint import CheckpointError as CheckpointError
from .checkpoint import Checkpoints as Checkpoints
from .epoch import make_epoch as make_epoch
from .evaluate import Evaluation as Evaluation
from .evaluate import make_evaluate as make_evaluate
from .interrupt import stop_on_interrupt as stop_on_interrupt
from .loop import NonFiniteLossError as NonFiniteLossError
from .loop import fit as fit
from .metrics import Metrics as Metrics
from .metrics import confusion_matrix as confusion_matrix
from .metrics import score as score
from .optimizers import average_params as average_params
from .optimizers import averaged as averaged
from .optimizers import decayed as decayed
from .optimizers import has_average as has_average
from .optimizers import scale_by_path as scale_by_path
from .record import EpochRecord as EpochRecord
from .state import TrainState as TrainState
from .state import init as init
from .state import trained as trained
from .step import make_step as make_step
