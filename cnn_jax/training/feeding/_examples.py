"""What people train on, as examples by their indices: arrays in memory, or records."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from cnn_jax import arguments

SAMPLED = 64  # examples of records that a fingerprint reads


class Examples(Protocol):
    """Examples that can be read in any order; picklable, so that worker processes can have them."""

    def __len__(self) -> int: ...

    def read(self, indices: Sequence[int] | np.ndarray) -> Any:
        """A batch of NumPy arrays with one leading axis."""
        ...

    def fingerprint(self) -> str:
        """A text that is another one when the examples are others."""
        ...


class Arrays:
    """The examples of a tree of arrays with one leading axis."""

    def __init__(self, arrays: Any):
        self.arrays = jax.tree.map(_array, arrays)
        shapes = [array.shape for array in jax.tree.leaves(self.arrays)]
        if not shapes or () in shapes or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(
                "`data` must hold arrays with one leading axis, the examples; got the shapes "
                f"{jax.tree.map(lambda array: array.shape, self.arrays)}."
            )

    def __len__(self) -> int:
        return len(jax.tree.leaves(self.arrays)[0])

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays."""
        return sum(array.nbytes for array in jax.tree.leaves(self.arrays))

    def read(self, indices: Sequence[int] | np.ndarray) -> Any:
        """The rows of these indices."""
        rows = np.asarray(indices)
        return jax.tree.map(lambda array: array[rows], self.arrays)

    def fingerprint(self) -> str:
        """The SHA-256 of all arrays."""
        return _sha256(self.arrays)


class Records:
    """The examples of an object with `len(data)` and `data[i]`, each a tree of arrays."""

    def __init__(self, data: Any):
        self.data = data
        self._many = getattr(data, "__getitems__", None) is not None

    def __len__(self) -> int:
        return len(self.data)

    def read(self, indices: Sequence[int] | np.ndarray) -> Any:
        """The examples of these indices, stacked."""
        numbers = [int(index) for index in indices]
        examples = (
            self.data.__getitems__(numbers) if self._many else [self.data[i] for i in numbers]
        )
        try:
            return jax.tree.map(_stacked, *examples)
        except ValueError as error:
            raise ValueError(
                "`data` must hold examples of one form, so that they can be put into a batch; "
                f"those of the indices {numbers[:4]}... have others ({error})."
            ) from error

    def fingerprint(self) -> str:
        """The SHA-256 of the number of examples and of 64 examples spread over all."""
        places = np.unique(np.linspace(0, len(self) - 1, SAMPLED).astype(int))
        return _sha256(len(self), *(jax.tree.map(np.asarray, self.data[int(i)]) for i in places))


def examples_of(data: Any) -> Arrays | Records:
    """Arrays or records, whichever the data are."""
    own = getattr(data, "examples", None)
    if isinstance(own, Mapping):  # a data.Dataset
        data = own
    if isinstance(data, Mapping | tuple | np.ndarray | jax.Array):
        examples = Arrays(data)
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, str):
        examples = Records(data)
    else:
        raise TypeError(
            "`data` must be a tree of arrays, such as {'image': images, 'label': labels}, or have "
            f"`len(data)` and `data[i]`; got {arguments.shown(data)}."
        )
    if len(examples) == 0:
        raise ValueError("`data` must hold at least one example.")
    return examples


def _array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind in "OSUMm":
        raise TypeError(f"`data` must hold arrays of numbers; got {array.dtype}.")
    if array.dtype.itemsize == 8 and not jax.config.read("jax_enable_x64"):
        narrow = array.astype({"i": np.int32, "u": np.uint32, "f": np.float32}[array.dtype.kind])
        if array.dtype.kind in "iu" and not np.array_equal(narrow, array):
            raise ValueError(
                f"`data` must hold integers that fit into {narrow.dtype}; they go from "
                f"{array.min()} to {array.max()}."
            )
        return narrow
    return array


def _stacked(*values: Any) -> np.ndarray:
    return _array(np.stack([np.asarray(value) for value in values]))


def _sha256(*trees: Any) -> str:
    checksum = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(trees):
        array = np.ascontiguousarray(leaf)
        name = f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}"
        checksum.update(name.encode())
        checksum.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
    return checksum.hexdigest()
