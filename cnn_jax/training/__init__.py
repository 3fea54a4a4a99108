"""Training: from a Flax model and data to a trained state, the same on CPU, GPU and TPU.

It knows no task. A batch is a tree of arrays with one leading axis, and four pure functions say
what is done with it::

    prepare(batch, key) -> batch                          on the device; augments if there is a key
    apply(params, stats, batch, key) -> (outputs, stats)  the model, from `init`
    loss(outputs, batch) -> (per example, {name: per example})
    step(state, batch, key) -> (state, metrics)           made of these by `make_step`, or yours

One file for each stage, in the order in which data pass through them:

- `state`: a model becomes a `TrainState` of plain arrays and `apply`, a pure function.
- `optimizers`: what optax lacks: an average of the parameters, rates and decay by path.
- `step`: `apply`, the loss, its gradient and the optimizer make one pure step.
- `feeding`: `batches` of data that lie on the device, or are read while the network trains.
- `sharding`: states over several devices.
- `hosts`: several processes, which begin, agree, stop and end together.
- `evaluate`: the loss and metrics of a split, every example once; a state's outputs.
- `loop`: after each epoch, `fit` saves and then yields the epoch's record.
- `record`: where a run stands; which epoch is the best; when to end early.
- `checkpoint`, `weights`, `interrupt`: a run that was stopped continues as if it had not been, bit
  for bit, and leaves weights that anything can read.

What an experiment writes::

    loss = tasks.classification.loss()
    state, apply = training.init(model, optimizer)
    step = training.make_step(apply, optimizer, loss, prepare=prepare)
    train, test = (training.batches(data.load(name, s), 128) for s in ("train", "test"))
    evaluate = training.make_evaluate(apply, loss, test, prepare=prepare)

    checkpoints = training.Checkpoints(workdir, config=dataclasses.asdict(config))
    start = checkpoints.restore(state) if config.resume else state
    with training.stop_on_signal() as stop:
        for record, state in training.fit(
            start, step, train, epochs=config.epochs, key=jax.random.key(config.seed),
            evaluate={"test": evaluate}, checkpoints=checkpoints, stop=stop,
        ):
            ...  # log `record`; use `state` now, the next epoch takes its buffers

    model = training.trained(model, state)
"""

from .checkpoint import CheckpointError as CheckpointError
from .checkpoint import Checkpoints as Checkpoints
from .evaluate import make_evaluate as make_evaluate
from .evaluate import make_predict as make_predict
from .feeding import Batches as Batches
from .feeding import Own as Own
from .feeding import Resident as Resident
from .feeding import Stream as Stream
from .feeding import batches as batches
from .hosts import connected as connected
from .hosts import fetch as fetch
from .hosts import from_first as from_first
from .interrupt import Stop as Stop
from .interrupt import stop_on_signal as stop_on_signal
from .loop import NonFiniteLossError as NonFiniteLossError
from .loop import fit as fit
from .optimizers import average_params as average_params
from .optimizers import averaged as averaged
from .optimizers import decayed as decayed
from .optimizers import has_average as has_average
from .optimizers import scale_by_path as scale_by_path
from .record import Best as Best
from .record import Progress as Progress
from .record import Record as Record
from .record import no_better as no_better
from .sharding import make_mesh as make_mesh
from .sharding import place as place
from .state import TrainState as TrainState
from .state import image as image
from .state import init as init
from .state import trained as trained
from .step import make_step as make_step
from .step import unprepared as unprepared
from .weights import restore_parameters as restore_parameters
from .weights import save_weights as save_weights
