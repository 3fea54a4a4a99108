"""How large the gradient of a loss is in each layer: `gradient_norms`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments

from ..program import Leaf, Program, Value, taken_apart, trace
from ..summary import Groups, shortened
from ._running import held


@dataclass(frozen=True, eq=False)
class GradientNorms:
    """How large the gradient of a loss by each layer's parameters is.

    Attributes:
        loss: its value.
        layers: the path of each layer that has parameters, in the order in which `f` uses them.
        norms: (layers,), the L2 norm of the gradient by all parameters of the layer.
        weights: (layers,), the L2 norm of these parameters.
        sizes: (layers,), how many they are.
    """

    loss: float
    layers: tuple[str, ...]
    norms: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray

    @property
    def rms(self) -> np.ndarray:
        """The root mean square of the gradient's entries, to compare layers of different size."""
        return self.norms / np.sqrt(self.sizes)


def gradient_norms(
    f: Callable, *inputs: Any, loss: Callable[[Any], Any] | None = None, params: Any = None
) -> GradientNorms:
    """Measure the gradient of a loss by the parameters of each layer.

    Where norms fall from the last layer to the first by a factor per layer, gradients vanish; where
    they rise, they explode. `f` is run as it is: a module in training mode uses the statistics of
    the batch, and its dropout.

    ```
    >>> import jax.numpy as jnp
    >>> def f(params, x):
    ...     return (x * params["first"] * params["second"]).sum()
    >>> params = {"second": jnp.array([3.0, 4.0]), "first": jnp.array([0.0, 1.0])}
    >>> found = gradient_norms(f, jnp.ones(2), params=params)
    >>> found.layers, found.norms.tolist()
    (('first', 'second'), [5.0, 1.0])

    ```

    Args:
        f: a callable of arrays, with its parameters; those that a function only refers to do not
            count.
        *inputs: the arrays.
        loss: takes what `f` returns and gives one number, such as ``lambda logits:
            optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()``; without it `f`
            must return one number itself.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        The norms, layer by layer. A layer is a module with parameters of its own; an array that is
        in no module is one itself.

    Raises:
        TypeError: if an input is no array, or the loss is no real number.
        ValueError: if `f` has no parameters, or shapes in the place of some.

    References:
        Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural
        networks*, 2010, figures 6 and 7.
    """
    for number, x in enumerate(inputs):
        if not hasattr(x, "dtype") or isinstance(x, jax.ShapeDtypeStruct):
            raise TypeError(f"Input {number} must be an array, to run `f` on; got {x!r}.")
    if loss is not None:
        arguments.function("loss", loss, "(outputs)")
    apart = taken_apart(f, inputs, params)
    arrays = held(apart)
    places = [place for place, leaf in enumerate(apart.leaves) if leaf.trainable]
    if not places:
        raise ValueError(
            "`f` must hold its parameters, as a module does, or be given them by `params=`, to "
            "have a gradient by them; it has none."
        )

    def lost(learned: list, data: tuple) -> jax.Array:
        given = list(arrays)
        for place, array in zip(places, learned):
            given[place] = array
        result = apart.call(given, *data)
        return _one_number(result if loss is None else loss(result), loss is None)

    @jax.jit
    def measured(learned: list, data: tuple) -> tuple:
        value, gradients = jax.value_and_grad(lost)(learned, data)
        return value, [_norm(g) for g in gradients], [_norm(array) for array in learned]

    learned = [jnp.asarray(arrays[place]) for place in places]
    value, norms, weights = jax.device_get(measured(learned, inputs))
    layers = _layers(trace(f, *inputs, params=params), [apart.leaves[p] for p in places])
    sizes = [array.size for array in learned]
    return GradientNorms(
        float(value),
        tuple(layers),
        np.array([_together(norms[place] for place in its) for its in layers.values()]),
        np.array([_together(weights[place] for place in its) for its in layers.values()]),
        np.array([sum(sizes[place] for place in its) for its in layers.values()]),
    )


def _one_number(value: Any, of_f: bool) -> jax.Array:
    if not hasattr(value, "dtype") or value.shape or not jnp.issubdtype(value.dtype, jnp.floating):
        got = f"an array {value.shape} of {value.dtype}" if hasattr(value, "dtype") else repr(value)
        what = "`f`" if of_f else "`loss`"
        more = " Give a `loss` that makes one number of what `f` returns." if of_f else ""
        raise TypeError(f"{what} must return one real number; got {got}.{more}")
    return value


def _norm(array: jax.Array) -> jax.Array:
    """The L2 norm, also where squares would be too small for float32 (below 1e-19)."""
    size = jnp.abs(array).astype(jnp.float32)
    largest = size.max(initial=0)
    return largest * jnp.sqrt(((size / jnp.where(largest > 0, largest, 1)) ** 2).sum())


def _together(norms: Iterable[float]) -> float:
    return float(np.linalg.norm(np.array(list(norms), np.float64)))


def _layers(program: Program, leaves: list[Leaf]) -> dict[str, list[int]]:
    """Which of the leaves each layer has, by the layer's path, in the order of use."""
    places = {(leaf.path, id(leaf.value)): place for place, leaf in enumerate(leaves)}
    groups = Groups(list(program.parameters.values()))
    used = [
        program.parameters[operand]
        for step in program.steps
        for operand in step.inputs
        if isinstance(operand, Value) and operand in program.parameters
    ]
    layers: dict[str, list[int]] = {}
    for parameter in (*used, *program.parameters.values()):  # what is not used comes last
        place = places.pop((parameter.path, id(parameter.value)), None)
        if place is not None:
            name = shortened(groups.of(parameter)) or parameter.path
            layers.setdefault(name, []).append(place)
    return layers
