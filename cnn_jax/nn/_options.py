"""The options of a layer's functional call: read once, when the layer is made."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax.geometry import PADDING_MODES, PaddingLike, PaddingMode

from ._checks import source


@dataclass(frozen=True)
class Options:
    """The options that a layer passes to its function, and the dtype that it computes in.

    None stands for an option that the function does not take. Every value can be hashed, as Flax
    requires of attributes that are no arrays.
    """

    dtype: np.dtype | None = None
    stride: tuple[int, ...] | None = None
    padding: PaddingLike | None = None
    padding_mode: PaddingMode | None = None
    output_padding: tuple[int, ...] | None = None
    dilation: tuple[int, ...] | None = None
    input_dilation: tuple[int, ...] | None = None
    groups: int | None = None
    offset_groups: int | None = None
    algorithm: str | None = None
    precision: object = None

    def keywords(self) -> dict[str, Any]:
        """The keyword arguments of the functional call: all but the dtype."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        given.pop("dtype", None)
        return given

    def cast(self, *arrays: jax.Array) -> tuple[jax.Array, ...]:
        """The arrays in the dtype to compute in; as they are where that is None."""
        return arrays if self.dtype is None else tuple(a.astype(self.dtype) for a in arrays)


def read(size: tuple[int, ...], *, dtype: DTypeLike | None, **options: Any) -> Options:
    """Check the options that a user gave, and return them with one entry per spatial axis.

    Args:
        size: the window, whose length is the number of spatial axes.
        dtype: to compute in, or None.
        options: by name, those that the function takes; see `Options`. What depends on the input,
            such as whether the padding fits, is checked when the layer is called.

    Raises:
        TypeError: if one has the wrong type.
        ValueError: if one has another length than `size`, or a value that is not allowed.
    """
    for name, value in options.items():
        if name in ("stride", "dilation", "input_dilation", "output_padding"):
            least = 0 if name == "output_padding" else 1
            value = arguments.per_axis(name, value, len(size), source(size), at_least=least)
        elif name in ("groups", "offset_groups"):
            value = arguments.integer(name, value, at_least=1)
        elif name == "padding_mode":
            value = arguments.one_of(name, value, PADDING_MODES)
        elif name == "algorithm" and not isinstance(value, str):
            raise TypeError(f"`algorithm` must be a name; got {arguments.shown(value)}.")
        options[name] = hashable(value)
    return Options(None if dtype is None else arguments.dtype("dtype", dtype), **options)


def hashable(value: Any) -> Any:
    """`value` with its lists, nested ones too, as tuples."""
    return tuple(map(hashable, value)) if isinstance(value, list | tuple) else value
