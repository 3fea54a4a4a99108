"""The name, shape and layout that each array of a network has in a file.

In PyTorch a kernel's channels come first, here they come last: a convolution's kernel is
(out, in // groups, *window) there and (*window, in // groups, out) here, a dense layer's is
(out, in) there and (in, out) here.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from flax import nnx

from cnn_jax.files import Stored

from . import names as published_names

OWN = "cnn_jax"
SCHEMES = (OWN, "torchvision", "timm")
LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}


@dataclass(frozen=True)
class Place:
    """One array of a network in a file.

    Attributes:
        path: in the network, dotted.
        name: in the file.
        ours: shape in the network.
        theirs: shape in the file.
        unfolded: shape that the network's array is reshaped to, before its axes are permuted.
        axes: the permutation, as for `numpy.transpose`; its result is reshaped to `theirs`.
    """

    path: str
    name: str
    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    unfolded: tuple[int, ...]
    axes: tuple[int, ...]

    def to_file(self, array: np.ndarray) -> np.ndarray:
        """Convert the network's array to the file's layout."""
        return array.reshape(self.unfolded).transpose(self.axes).reshape(self.theirs)

    def to_model(self, array: np.ndarray) -> np.ndarray:
        """Convert the file's array to the network's layout."""
        moved = array.reshape([self.unfolded[axis] for axis in self.axes])
        return moved.transpose(np.argsort(self.axes)).reshape(self.ours)


def variables(model: nnx.Module) -> dict[str, nnx.Variable]:
    """All parameters and statistics of a network, by dotted path; random streams are left out.

    The entries of an `nnx.Sequential` are called by their number: ``stage1.0``.
    """
    flat = nnx.to_flat_state(nnx.state(model, nnx.Not(nnx.RngState)))
    return {dotted(path): leaf for path, leaf in flat if isinstance(leaf, nnx.Variable)}


def value_of(leaf: nnx.Variable) -> jax.Array | jax.ShapeDtypeStruct:
    """What a variable holds: an array, or its shape and dtype alone if the network is abstract."""
    [value] = jax.tree.leaves(leaf)  # the attribute that holds it depends on the version of Flax
    return value


def dotted(path: tuple[object, ...]) -> str:
    """A path of attributes as one string, without the `layers` of `nnx.Sequential`."""
    following = (*path[1:], "")
    return ".".join(
        str(part)
        for part, after in zip(path, following)
        if not (part == "layers" and str(after).isdecimal())
    )


def schemes(model: nnx.Module) -> list[str]:
    """The schemes of names that the network can be loaded and saved with."""
    published = published_names.published(model)
    return [scheme for scheme in SCHEMES if scheme == OWN or hasattr(published, scheme)]


def places(model: nnx.Module, scheme: str) -> list[Place]:
    """The place of each array of the network in a file with the names of this scheme.

    Raises:
        ValueError: if the network, or one of its parameters, has no name there.
    """
    shapes = {path: tuple(leaf.shape) for path, leaf in variables(model).items()}
    if scheme == OWN:
        return [place(path, path, shape, shape) for path, shape in shapes.items()]
    published = published_names.published(model)
    if not hasattr(published, scheme):
        known = ", ".join(cls.__name__ for cls in published_names.by_class())
        raise ValueError(
            f"`names`: {type(model).__name__} has none of {scheme}'s; use {OWN!r}. The networks "
            f"with published names are {known}."
        )
    names: published_names.Names = getattr(published, scheme)(model)
    flattened = getattr(published, "FLATTENED", {})
    return [published_place(path, shape, names, flattened) for path, shape in shapes.items()]


def published_place(
    path: str,
    shape: tuple[int, ...],
    names: published_names.Names,
    flattened: dict[str, tuple[int, int, int]],
) -> Place:
    """The place in a PyTorch file of the array with this path and shape.

    `names` and `flattened` are those of a file in `names/`, see there.

    Raises:
        ValueError: if it has no name there.
    """
    layer, _, leaf = path.rpartition(".")
    entry = names.get(path) or names.get(layer)
    if entry is None or (path not in names and leaf not in LEAVES):
        raise ValueError(
            f"`names`: {path} has no published name: with these options the network can only be "
            f"read and written with names={OWN!r}."
        )
    name, theirs = (entry, None) if isinstance(entry, str) else entry
    if path in names:
        return place(path, name, shape, shape if theirs is None else theirs)
    name = f"{name}.{LEAVES[leaf]}"
    if leaf != "kernel":
        return place(path, name, shape, shape)
    rank, unfolded = len(shape), shape
    axes = (rank - 1, rank - 2, *range(rank - 2))
    moved = tuple(shape[axis] for axis in axes)
    if layer in flattened:
        *_, height, width = flattened[layer]
        unfolded, axes = (height, width, shape[0] // (height * width), shape[1]), (3, 2, 0, 1)
    return place(path, name, shape, moved if theirs is None else theirs, unfolded, axes)


def place(
    path: str,
    name: str,
    ours: tuple[int, ...],
    theirs: tuple[int, ...],
    unfolded: tuple[int, ...] | None = None,
    axes: tuple[int, ...] | None = None,
) -> Place:
    """Make a place, whose axes keep their order by default; check that its shapes agree in size."""
    unfolded = ours if unfolded is None else unfolded
    axes = tuple(range(len(ours))) if axes is None else axes
    if not math.prod(ours) == math.prod(theirs) == math.prod(unfolded):
        raise ValueError(f"`names`: {name} is {theirs} there, which holds no {path} of {ours}.")
    return Place(path, name, ours, theirs, unfolded, axes)


def left_out(model: nnx.Module, scheme: str) -> tuple[str, ...]:
    """The layers of the head that `model` lacks, by their names in this scheme.

    There are some only if it was made with ``num_classes=None``; its class names them in `HEAD`.
    """
    head = getattr(type(model), "HEAD", ())
    if not head or getattr(model, "num_classes", 0) is not None:
        return ()
    if scheme == OWN:
        return head
    names = getattr(published_names.published(model), scheme)(model)
    entries = [entry for layer, entry in names.items() if within(layer, head)]
    return tuple(entry if isinstance(entry, str) else entry[0] for entry in entries)


def within(name: str, layers: Sequence[str]) -> bool:
    """Whether `name` is one of `layers`, or lies inside of one."""
    return any(name == layer or name.startswith(f"{layer}.") for layer in layers)


def of_today(model: nnx.Module, stored: Mapping[str, Stored]) -> Mapping[str, Stored]:
    """The arrays of a file, with names from older versions replaced by today's names."""
    older = getattr(published_names.published(model), "OLDER", None)
    if older is None:
        return stored
    renamed = {older.sub(r"\1", name): array for name, array in stored.items()}
    # If two arrays would get one name, rename none: the report then lists the unexpected names.
    return renamed if len(renamed) == len(stored) else stored


def best_scheme(model: nnx.Module, names: Collection[str]) -> str:
    """The scheme by which most arrays of the network are among `names`; the first if several."""

    def fitting(scheme: str) -> int:
        try:
            return sum(place.name in names for place in places(model, scheme))
        except ValueError:  # some layer of the network has no name in this scheme
            return -1

    return max(schemes(model), key=fitting)
