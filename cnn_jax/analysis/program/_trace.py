"""Turn a function into a flat list of steps, without running it: `trace`."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from cnn_jax import functional as F
from cnn_jax.arguments import as_int

from ._captured import captured_by
from ._inlining import flattened
from ._opening import Leaf, dotted, opened
from ._steps import Constant, Parameter, Program


@dataclass(frozen=True)
class Apart:
    """A function and, apart from it, its arrays.

    Attributes:
        leaves: its arrays.
        call: the function; it takes a list of arrays in place of its own, then the data.
        data: shapes and dtypes of the data.
    """

    leaves: list[Leaf]
    call: Callable
    data: list[jax.ShapeDtypeStruct]

    @property
    def arrays(self) -> list[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of its arrays."""
        return [_abstract(leaf.value) for leaf in self.leaves]

    def jaxpr(self) -> tuple[Any, Any]:
        """Its jaxpr, and the shapes of what it returns."""
        with F.using(algorithm="xla"):
            return jax.make_jaxpr(self.call, return_shape=True)(self.arrays, *self.data)


def taken_apart(f: Callable, inputs: Sequence, params: Any = None) -> Apart:
    """Take the arrays out of a function; arguments and errors are those of `trace`."""
    if not callable(f):
        apply = "; bind its `apply` by `functools.partial`" if hasattr(f, "apply") else ""
        raise TypeError(
            f"`f` must be callable, such as a module or a function; got {shortened(f)}{apply}."
        )
    wanted = _needed(f)
    if inspect.isclass(f) or wanted:
        what = "it is a class" if inspect.isclass(f) else f"it needs {', '.join(wanted)} too"
        raise TypeError(
            f"`f` must be a function of data: {what}. Make the network first, by "
            "`nnx.eval_shape(lambda: make(rngs=nnx.Rngs(0)))` if shapes will do, or bind the rest "
            "by `functools.partial`."
        )
    if not inputs:
        raise ValueError("`inputs` must hold the shape of at least one input of `f`; got none.")
    data = [abstract_input(i, x) for i, x in enumerate(inputs)]
    its = opened(f)
    given = None if params is None else opened(params)
    cut = len(its.leaves)

    def call(arrays: list, *data: Any) -> Any:
        first = [] if given is None else [given.close(arrays[cut:])]
        return its.close(arrays[:cut])(*first, *data)

    return Apart([*its.leaves, *(given.leaves if given else ())], call, data)


def _needed(f: Callable) -> list[str]:
    """The keyword-only arguments of a function that have no default."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # such as of a builtin
        return []
    return [f"`{p.name}`" for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]


def trace(f: Callable, *inputs: Any, params: Any = None) -> Program:
    """Turn `f` into a program, without running it.

    Our own functions are traced with ``algorithm="xla"``, so that a convolution is one step. Where
    a function chooses a branch by platform, its default branch is taken.

    Args:
        f: a callable: a `flax.nnx.Module` or a method of one, an Equinox module,
            ``functools.partial(linen_model.apply, variables)``, any function.
        *inputs: the data: for each array a shape (of float32), a `jax.ShapeDtypeStruct`, or an
            array.
        params: the first argument of `f`, if that is its parameters: any pytree of arrays or
            `jax.ShapeDtypeStruct`. Of a dictionary with an entry ``"params"`` that entry alone is
            trainable.

    Returns:
        The program.

    Raises:
        TypeError: if `f` is not callable, or an input is none of the above.
        ValueError: if there is no input, or a shape has a length below 1.
    """
    apart = taken_apart(f, inputs, params)
    closed, result = apart.jaxpr()
    declared = [
        Constant(leaf.value)
        if leaf.random
        else Parameter(leaf.path, leaf.trainable, leaf.value.shape, leaf.value.dtype, leaf.value)
        for leaf in apart.leaves
    ]
    paths = [dotted(path) for path, _ in jax.tree_util.tree_flatten_with_path(result)[0]]
    return flattened(closed, declared, paths, captured_by(f))


def abstract_input(number: int, x: Any) -> jax.ShapeDtypeStruct:
    """The shape and dtype of input `number`, given as `trace` takes it."""
    rule = (
        f"Input {number} must be a shape, a tuple of ints such as (1, 224, 224, 3), a "
        f"`jax.ShapeDtypeStruct` or an array; got {shortened(x)}"
    )
    if isinstance(x, tuple):
        if any(as_int(n) is None for n in x):
            raise TypeError(f"{rule}.")
        if not all(n > 0 for n in x):
            raise ValueError(f"The shape of input {number} must be of positive ints; got {x}.")
        return jax.ShapeDtypeStruct(tuple(map(int, x)), jnp.float32)
    if not (hasattr(x, "shape") and hasattr(x, "dtype")):
        plain = all(isinstance(leaf, int | float | str) for leaf in jax.tree.leaves(x))
        raise TypeError(f"{rule}{'' if plain else '; give parameters by `params=`'}.")
    if 0 in x.shape:
        raise ValueError(f"Input {number} must have an element; got shape {x.shape}.")
    return _abstract(x)


def shortened(thing: Any) -> str:
    """A short text that lets a person recognize an object."""
    text = repr(thing)
    return text if len(text) <= 80 else f"a {type(thing).__name__}"


def _abstract(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, jax.dtypes.canonicalize_dtype(x.dtype, True))
