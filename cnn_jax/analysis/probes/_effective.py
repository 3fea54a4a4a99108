"""How strongly a unit depends on each element of the input: `effective_receptive_field`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax.arguments import integer

from ..fields import checked_unit, chosen_output, spatial_axes, spatial_of
from ..program import trace
from ..rules import walk
from ._running import running


@dataclass(frozen=True, eq=False)
class EffectiveMap:
    """How strongly a unit's value depends on each place of one input.

    Attributes:
        axes: the axes of the input that the maps keep: its spatial ones, or all if it has none.
            Along the others the maps are sums.
        magnitude: mean over the draws of the gradient's absolute value.
        energy: mean over the draws of its square.
    """

    axes: tuple[int, ...]
    magnitude: np.ndarray = field(repr=False)
    energy: np.ndarray = field(repr=False)

    @property
    def support(self) -> np.ndarray:
        """Where the gradient is not zero in some draw."""
        return self.magnitude > 0

    @property
    def center(self) -> tuple[float, ...]:
        """The mean place on each axis, weighted by `magnitude`."""
        return tuple(mean for mean, _ in self._moments())

    @property
    def width(self) -> tuple[float, ...]:
        """The standard deviation of the place on each axis, as of a fitted Gaussian."""
        return tuple(math.sqrt(variance) for _, variance in self._moments())

    def _moments(self) -> list[tuple[float, float]]:
        total, moments = self.magnitude.sum(dtype=np.float64), []
        for axis, n in enumerate(self.magnitude.shape):
            others = tuple(a for a in range(self.magnitude.ndim) if a != axis)
            weights = self.magnitude.sum(others, dtype=np.float64) / total
            mean = float((weights * np.arange(n)).sum())
            moments.append((mean, float((weights * (np.arange(n) - mean) ** 2).sum())))
        return moments


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How strongly a unit depends on each place of the inputs.

    Attributes:
        unit: its index in the output; 0 on axes that are not spatial, along which all units count.
        output: the output's path in what the function returns, "" for a single array.
        samples: the number of draws.
        inputs: one entry for each input.
    """

    unit: tuple[int, ...]
    output: str
    samples: int
    inputs: tuple[EffectiveMap, ...]


def effective_receptive_field(
    f: Callable,
    *inputs: Any,
    key: jax.Array,
    samples: int = 64,
    unit: Sequence[int] | None = None,
    output: str | None = None,
    params: Any = None,
) -> EffectiveField:
    """Measure how much a unit's value changes with each element of the inputs.

    The measure is the gradient of the unit with respect to the inputs, for `samples` inputs drawn
    from the standard normal distribution. The unit's channels (and images) are summed with random
    signs, drawn anew for each sample, so that they do not always cancel in the same places.

    Places inside the receptive field are far from equal: for n linear layers of 3 equal taps the
    gradient is a box convolved n times, with standard deviation ``sqrt(2 n / 3)``.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> def f(x):
    ...     return F.conv(F.conv(x, jnp.ones((3, 1, 1))), jnp.ones((3, 1, 1)))
    >>> found = effective_receptive_field(f, (9, 1), key=jax.random.key(0), samples=4)
    >>> found.inputs[0].magnitude.tolist()
    [0.0, 0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 0.0]

    ```

    Args:
        f: a callable of arrays, with its parameters.
        *inputs: for each array its shape, a `jax.ShapeDtypeStruct`, or an array, of which only the
            shape and the dtype count.
        key: the key of the draws.
        samples: the number of draws.
        unit: an index of the output, on its spatial axes or on all (entries on other axes do not
            count); by default the middle. An output without spatial axes counts as a whole.
        output: if `f` returns several arrays, the path of one.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        A map for each input.

    Raises:
        TypeError: if an argument has the wrong type, or an input or the output no derivative.
        ValueError: if there is no such output or unit, `samples` is below 1, or `f` has shapes in
            the place of parameters.

    References:
        Luo, Li, Urtasun and Zemel, *Understanding the effective receptive field in deep
        convolutional neural networks*, 2016, arXiv:1701.04128.
    """
    samples = integer("samples", samples, at_least=1)
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape:
        raise TypeError(f"`key` must be one typed key, as jax.random.key(0) makes; got {key!r}.")
    program = trace(f, *inputs, params=params)
    path, value = chosen_output(program, output)
    _check_floats(program.inputs, value)
    walked = walk(program)
    spatial = spatial_axes(walked.of(value), walked)
    index = checked_unit(unit, value.shape, spatial)
    place = tuple(i if axis in spatial else slice(None) for axis, i in enumerate(index))
    call, arrays = running(f, inputs, params)

    def gradients(arrays: list, key: jax.Array) -> tuple:
        signs_key, *keys = jax.random.split(key, 1 + len(program.inputs))
        data = [
            jax.random.normal(k, (math.prod(x.shape),), x.dtype).reshape(x.shape)
            for k, x in zip(keys, program.inputs)
        ]

        def signed(data: list) -> jax.Array:
            units = call(arrays, *data)[path][place]
            return (units * jax.random.rademacher(signs_key, units.shape, units.dtype)).sum()

        found = [jnp.abs(g).astype(jnp.float32) for g in jax.grad(signed)(data)]
        return found, [g**2 for g in found]

    @jax.jit
    def means(arrays: list, key: jax.Array) -> tuple:
        def add(sums: tuple, key: jax.Array) -> tuple:
            return jax.tree.map(jnp.add, sums, gradients(arrays, key)), None

        zeros = [jnp.zeros(x.shape, jnp.float32) for x in program.inputs]
        sums, _ = jax.lax.scan(add, (zeros, zeros), jax.random.split(key, samples))
        return jax.tree.map(lambda total: total / samples, sums)

    magnitudes, energies = means(arrays, key)
    maps = []
    for number, (magnitude, energy) in enumerate(zip(magnitudes, energies)):
        axes = spatial_of(walked, number) or tuple(range(magnitude.ndim))
        others = tuple(axis for axis in range(magnitude.ndim) if axis not in axes)
        both = [np.asarray(array).sum(others) for array in (magnitude, energy)]
        maps.append(EffectiveMap(axes, *both))
    return EffectiveField(index, path, samples, tuple(maps))


def _check_floats(inputs: Sequence, value: Any) -> None:
    for number, x in enumerate(inputs):
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise TypeError(f"Input {number} must be of floats to have a gradient; got {x.dtype}.")
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"`f` must return floats to have a gradient; got {value.dtype}.")
