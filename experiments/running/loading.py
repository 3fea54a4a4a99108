"""A trained network: from the folder of a run or a file of weights to a state and its function."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax.numpy as jnp
import optax

from cnn_jax import models, tasks, training
from experiments.running import networks
from experiments.running.options import RunError, require, said_of

FILES = {
    "last": "weights.safetensors",
    "best": "weights_best.safetensors",
    "average": "weights_average.safetensors",
    "best_average": "weights_best_average.safetensors",
}
Which = Literal["last", "best", "average", "best_average"]


@dataclass(frozen=True)
class Trained:
    """A network with its weights.

    Args:
        network: what it takes and tells.
        state: its parameters and statistics.
        apply: `(params, stats, batch) -> (logits, stats)`.
        weights: the file that they are from.
        config: of the run, by name; empty if there is none.
    """

    network: networks.Network
    state: training.TrainState
    apply: Callable[..., Any]
    weights: Path
    config: dict[str, Any]


def trained(place: Path, which: Which = "last", network: networks.Network | None = None) -> Trained:
    """Load a trained network.

    Args:
        place: the folder of a run; or a file of weights, which lies in one unless `network` says
            what it belongs to.
        which: of a run's weights.
        network: that a file of weights belongs to.

    Raises:
        RunError: there is no such run or file, or the weights do not fit.
    """
    place = Path(place).expanduser()
    folder, file = (place, place / FILES[which]) if place.is_dir() else (place.parent, place)
    if not place.exists():
        raise RunError(f"`RUN_OR_WEIGHTS` {place} does not exist.")
    if place.is_file():
        require("--which", which == "last", "left out with a file of weights", which)
    config: dict[str, Any] = {}
    if network is None:
        network, config = _described(folder / "config.json", place)
    if not file.exists():
        known = ", ".join(name for name, own in FILES.items() if (folder / own).exists())
        if not known:
            raise RunError(f"`RUN_OR_WEIGHTS` {place} holds no weights yet: {file} is missing.")
        raise RunError(f"`--which` must be one of {known}: {file} is missing.")
    model = network.make()
    if not config:
        with said_of(file="RUN_OR_WEIGHTS"):
            models.load_weights(model, file)
    dtype = config.get("dtype", "float32")
    state, apply = training.init(
        model, optax.identity(), dtype=None if dtype == "float32" else jnp.dtype(dtype)
    )
    if config:
        with said_of(file="RUN_OR_WEIGHTS"):
            state = training.restore_parameters(state, file)
    return Trained(network, state, apply, file, config)


def _described(file: Path, place: Path) -> tuple[networks.Network, dict[str, Any]]:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        network = networks.Network.of(about["network"])
        return network, dict(about["config"])
    except FileNotFoundError:
        raise RunError(
            f"`RUN_OR_WEIGHTS` {place} is no run of `experiments.train`: there is no {file}. Give "
            "`--model` and `--dataset` with a file of weights."
        ) from None
    except KeyError as error:
        raise RunError(f"{file} is of no run of `experiments.train`: it has no {error}.") from None
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise RunError(f"{file} is damaged: it does not describe a network.") from None


def top(classes: int) -> tuple[int, ...]:
    """Among how many of the largest logits a label is looked for: 1, and 5 where that says much."""
    return (1, 5) if classes > 5 else (1,)


def metrics(classes: int) -> dict[str, tasks.Accumulator]:
    """What is measured of a split besides the means of the loss and the accuracies."""
    return {
        "confusion": tasks.classification.confusion(classes),
        "calibration": tasks.classification.calibration(),
    }
