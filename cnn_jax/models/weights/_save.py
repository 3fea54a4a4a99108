"""Save a network's weights."""

import os

import jax
import numpy as np
from flax import nnx

from cnn_jax import arguments, files

from ._places import OWN, SCHEMES, places, value_of, variables


def save_weights(model: nnx.Module, file: str | os.PathLike[str], *, names: str = OWN) -> None:
    """Write a network's parameters and statistics to a file; `load_weights` restores every bit.

    ```
    >>> import tempfile
    >>> from cnn_jax import models
    >>> model = models.lenet(rngs=nnx.Rngs(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     models.save_weights(model, f"{folder}/lenet.safetensors")

    ```

    Args:
        model: the network. Its random streams are not written.
        file: to write: ``.safetensors``, with a checksum that `load_weights` compares,
            or ``.npz``. An old file stays until the new is complete.
        names: ``"cnn_jax"``, our names and layout; or ``"torchvision"`` or ``"timm"``, theirs, for
            networks that they also have: their network of this architecture can load the file.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if the file is of another kind, the network has no such names, or no values.
        FileNotFoundError: if the folder of the file does not exist.
    """
    if not isinstance(model, nnx.Module):
        raise TypeError(f"`model` must be a flax.nnx.Module; got {model!r}.")
    arguments.one_of("names", names, SCHEMES)
    values = {path: value_of(leaf) for path, leaf in variables(model).items()}
    arrays = {}
    for place in places(model, names):
        value = values[place.path]
        if isinstance(value, jax.ShapeDtypeStruct):
            raise ValueError(
                f"`model` is abstract: its {place.path} has no values; load some first."
            )
        arrays[place.name] = place.to_file(np.asarray(value))
    files.write_arrays(file, arrays)
