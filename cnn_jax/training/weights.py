"""The weights of a run as `weights.safetensors`: for analysis, for prediction, for other programs.

The names are those of `models.save_weights`, so `models.load_weights` reads these files into a
model, and `restore_parameters` into a state, without any optimizer.
"""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cnn_jax import arguments, files

from ._checks import check_type
from ._frozen import joined
from ._leaves import differences, shapes, some
from ._paths import named
from .hosts import fetch
from .optimizers import averaged, has_average, restarted
from .state import TrainState

NAME = "weights"


def save_weights(state: TrainState, file: str | os.PathLike[str]) -> None:
    """Write the parameters and statistics of a state to a file.

    All hosts must call it together; the first one writes.

    Args:
        state: from training.
        file: to write, `.safetensors` or `.npz`.

    Raises:
        TypeError: `state` is no `TrainState`, or `file` no path.
        OSError: it cannot be written.

    Example:
        >>> import tempfile
        >>> state = TrainState(0, {"kernel": np.ones(2, np.float32)}, {}, ())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_weights(state, f"{folder}/weights.safetensors")
        ...     restore_parameters(state, f"{folder}/weights.safetensors").params["kernel"]
        array([1., 1.], dtype=float32)
    """
    check_type("state", state, TrainState, "a TrainState")
    whole = fetch(state)
    if jax.process_index() == 0:
        files.write_arrays(Path(file), _arrays(whole))


def restore_parameters(state: TrainState, file: str | os.PathLike[str]) -> TrainState:
    """Return a state with the parameters and statistics of a file, and all else as it is.

    An average that the optimizer keeps begins anew at these parameters.

    Args:
        state: of the same model, with any optimizer; it stays usable.
        file: from `save_weights` or `models.save_weights`, or the folder of a run, whose
            `weights.safetensors` is read.

    Raises:
        TypeError: `state` is no `TrainState`, or `file` no path.
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or its arrays are not those of the state; the message names what
            differs.
    """
    check_type("state", state, TrainState, "a TrainState")
    if not isinstance(file, str | os.PathLike):
        raise TypeError(f"`file` must be a path; got {arguments.shown(file)}.")
    path = Path(file)
    if path.is_dir() or not path.suffix:
        path = path / f"{NAME}.safetensors"
    found, own = files.read_arrays(path), _arrays(state)
    if wrong := differences(shapes(own), shapes(found)):
        raise ValueError(
            f"`file` {path} must hold the weights of the state's model; in the state (here) and "
            f"the file (there) {some(wrong)}."
        )

    def restored(tree):
        names = iter(named(tree))
        return jax.tree.map(lambda like: _like(found[next(names)], like), tree)

    params = restored(state.params)
    opt_state = restarted(state.opt_state, jax.tree.map(jax.numpy.copy, params))
    return TrainState(state.step, params, restored(state.stats), opt_state)


def write_weights(folder: Path, state: Any, *, best: bool) -> None:
    """Write the weights files of a run's folder: the newest, the best, and their averages."""
    if not isinstance(state, TrainState):  # a step of the user's, whose state is theirs
        return
    states = {"": state, "_average": averaged(state)} if has_average(state) else {"": state}
    for kind in ("", "_best") if best else ("",):
        for of, chosen in states.items():
            files.write_arrays(folder / f"{NAME}{kind}{of}.safetensors", _arrays(chosen))


def _arrays(state: TrainState) -> dict[str, Any]:
    return named(joined(state.params, state.stats))


def _like(array: np.ndarray, like: Any) -> Any:
    if not isinstance(like, jax.Array):
        return array
    return jax.make_array_from_callback(array.shape, like.sharding, lambda index: array[index])
