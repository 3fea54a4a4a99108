"""The array that each layer makes of an input: `trace_features`."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax

from ..program import Constant, Operand, Step, Value, evaluate, trace
from ..rules import walk
from ..summary import Draft, Layers, names_of


def trace_features(f: Callable, *inputs: Any, params: Any = None) -> dict[str, jax.Array]:
    """Run `f` and return the array that each of its layers makes.

    The layers are the rows of `summarize`, with the same names. A layer's array includes its bias,
    but no activation function. The second run of a layer is called ``"name (2)"``; layers inside
    loops are left out. If `f` returns several arrays by name, as a model's `feature_maps` does,
    these are added; where a layer has the same name, the array that `f` returns is taken.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> def f(x):
    ...     return F.max_pool(F.conv(x, jnp.ones((3, 1, 2))), (2,)).sum()
    >>> {name: array.shape for name, array in trace_features(f, jnp.ones((2, 8, 1))).items()}
    {'conv_1': (2, 6, 2), 'max_pool_1': (2, 3, 2)}

    ```

    Args:
        f: a callable of arrays, with its parameters.
        *inputs: the arrays.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        The arrays by name, in the order in which they are made.

    Raises:
        TypeError: if an input is no array.
        ValueError: if `f` has shapes in the place of parameters.
    """
    for number, x in enumerate(inputs):
        if not hasattr(x, "dtype") or isinstance(x, jax.ShapeDtypeStruct):
            raise TypeError(f"Input {number} must be an array, to run `f` on; got {x!r}.")
    program = trace(f, *inputs, params=params)
    layers = Layers(program, walk(program))
    wanted: dict[str, Operand] = {}
    times = Counter()
    for draft, name in zip(layers.rows, names_of(layers)):
        times[name] += 1
        wanted[name if times[name] == 1 else f"{name} ({times[name]})"] = _made(draft)
    wanted |= {path: value for path, value in program.outputs.items() if path}

    values = {parameter.path: parameter.value for parameter in program.parameters.values()}
    abstract = [path for path, v in values.items() if isinstance(v, jax.ShapeDtypeStruct)]
    if abstract:
        raise ValueError(
            f"`f` must hold arrays to be run, not shapes, as parameter `{abstract[0]}` is. Make "
            "the model for real, not by `eval_shape`."
        )

    @jax.jit
    def run(values: dict, inputs: tuple) -> dict[str, jax.Array]:
        made: dict[Operand, Any] = dict(zip(program.inputs, inputs))

        def keep(step: Step, arrays: list) -> None:
            made.update(zip(step.outputs, arrays))

        evaluate(program, inputs, values, keep)
        return {
            name: operand.value if isinstance(operand, Constant) else made[operand]
            for name, operand in wanted.items()
            if isinstance(operand, Constant) or operand in made
        }

    made = run(values, inputs)
    return {name: made[name] for name in wanted if name in made}


def _made(draft: Draft) -> Value:
    """The array that a layer makes, bias included."""
    last = draft.steps[-1].outputs[0] if draft.steps else draft.output
    return last if last.shape == draft.output.shape else draft.output
