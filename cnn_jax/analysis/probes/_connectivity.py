"""Which input each output depends on, element by element: `connectivity`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..program import Program, Value, trace
from ..rules import dependences
from ._weights import Weights

MAX_ENTRIES = 4_000_000


@dataclass(frozen=True)
class WeightUse:
    """How the weights of one array are shared.

    Attributes:
        path: where the array lies, such as ``"conv1.kernel"``.
        uses: for each of its weights, how many pairs of an input and an output of the layer it
            connects. Padding is no input.
    """

    path: str
    uses: np.ndarray = field(repr=False)

    @property
    def weights(self) -> int:
        """The number of weights that connect anything."""
        return int((self.uses > 0).sum())

    @property
    def connections(self) -> int:
        """The number of connections that they make: the multiplications, except by padding."""
        return int(self.uses.sum())


@dataclass(frozen=True, eq=False)
class Connectivity:
    """Which input each output of a function depends on.

    Attributes:
        matrix: (outputs, inputs) of booleans: a row for each element of all outputs, a column for
            each element of all inputs, each array flattened.
        outputs: the shape of each output, by its path in the function's result.
        inputs: the shape of each input.
        layers: one entry for each array of weights of a convolution or a matrix product.
        weights: (outputs, inputs) of integers: the flat index of the weight of each connection, -1
            where nothing is connected; equal numbers are shared weights. None unless there is one
            array of weights, used once, with one weight for each connection.
        remarks: where the matrix is not exact; there it holds too many connections, never too few.
    """

    matrix: np.ndarray = field(repr=False)
    outputs: dict[str, tuple[int, ...]]
    inputs: tuple[tuple[int, ...], ...]
    layers: tuple[WeightUse, ...]
    weights: np.ndarray | None = field(repr=False)
    remarks: tuple[str, ...]

    @property
    def connected(self) -> int:
        """The number of pairs of an output and an input that it depends on."""
        return int(self.matrix.sum())


def connectivity(f: Callable, *inputs: Any, params: Any = None) -> Connectivity:
    """Find which elements of the inputs each element of the outputs depends on, without running.

    Booleans take the place of the numbers in the function's steps. All weights connect, except
    constant zeros. The result is exact for each element: the gaps of a dilated window connect
    nothing. Inputs must be small: the number of their elements times that of the largest array on
    the way is 4 million at most.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> kernel = jnp.ones((3, 1, 1))
    >>> found = connectivity(lambda x: F.conv(x, kernel, dilation=2), (7, 1))
    >>> found.matrix.astype(int)
    array([[1, 0, 1, 0, 1, 0, 0],
           [0, 1, 0, 1, 0, 1, 0],
           [0, 0, 1, 0, 1, 0, 1]])
    >>> found.weights[0].tolist()
    [0, -1, 1, -1, 2, -1, -1]
    >>> found.layers[0].weights, found.layers[0].connections
    (3, 9)

    ```

    Args:
        f: a callable of arrays: a module, a function.
        *inputs: for each array its shape, a `jax.ShapeDtypeStruct`, or an array.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        The matrix, and how weights are shared.

    Raises:
        TypeError: if `f` or an input is of the wrong type.
        ValueError: if the inputs are too large.
    """
    program = trace(f, *inputs, params=params)
    sizes = [math.prod(value.shape) for value in program.inputs]
    width = sum(sizes)
    _check_size(program, width)

    ends = np.cumsum(sizes)
    identity = np.eye(width, dtype=bool)
    given = [
        identity[:, end - size : end].reshape(width, *value.shape)
        for value, size, end in zip(program.inputs, sizes, ends)
    ]
    weights = Weights(program)
    found, remarks = dependences(program, given, width, weights)
    between = weights.between(list(program.outputs.values()), width)
    return Connectivity(
        np.ascontiguousarray(np.concatenate(found, axis=1).T),
        {path: output.shape for path, output in program.outputs.items()},
        tuple(value.shape for value in program.inputs),
        tuple(WeightUse(parameter.path, uses) for parameter, uses in weights.uses.items()),
        None if between is None else np.ascontiguousarray(between.T),
        (*remarks, *weights.remarks),
    )


def _check_size(program: Program, width: int) -> None:
    made = [value for step in program.steps for value in step.outputs]
    largest: Value = max((*program.inputs, *made), key=lambda value: math.prod(value.shape))
    entries = width * math.prod(largest.shape)
    if entries > MAX_ENTRIES:
        enough = max(int(width * math.sqrt(MAX_ENTRIES / entries)), 1)
        raise ValueError(
            f"`inputs` are too large to tell every connection: {width:,} elements times the "
            f"{math.prod(largest.shape):,} of the largest array, {largest.shape}, are {entries:,} "
            f"pairs, of {MAX_ENTRIES:,} at most. Inputs of about {enough:,} elements in all would "
            "do."
        )
