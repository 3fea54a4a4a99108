"""Which algorithms a call would run, and why: `explain`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from cnn_jax.algorithms import ALGORITHMS, Problem, noting


@dataclass(frozen=True)
class Part:
    """One side of a convolution, or one pool, and the algorithm that computes it.

    Attributes:
        side: ``"output"``, ``"input_grad"`` or ``"kernel_grad"`` of a convolution, or a pool.
        problem: its shapes, window, groups and dtype.
        algorithm: the name of the algorithm on CPU.
        why: the measurement that the choice rests on.
        workspace: bytes that it expects to need besides arguments and results; 0 for XLA's own,
            whose need is unknown.
    """

    side: str
    problem: Problem
    algorithm: str
    why: str
    workspace: int


@dataclass(frozen=True)
class Explanation:
    """The parts of a call in the order in which they are met; print it.

    Attributes:
        parts: one for each different side of a convolution, or pool.
        no_gradient: why the gradients are not among them, if the call has none.
    """

    parts: tuple[Part, ...]
    no_gradient: str | None = None

    def __str__(self) -> str:
        if not self.parts:
            return (
                'nothing here is chosen: no convolution or pool with algorithm="auto" was traced. '
                "(What jax.vjp or jax.linearize returned keeps what was chosen before.)"
            )
        rows = [("side", "x", "kernel", "algorithm on CPU", "workspace", "why")]
        for part in self.parts:
            kernel = str(part.problem.kernel or part.problem.window.size)
            workspace = f"{part.workspace / 2**20:.1f} MiB" if part.workspace else "-"
            rows.append(
                (part.side, str(part.problem.x), kernel, part.algorithm, workspace, part.why)
            )
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths)) for row in rows)
        text = [line.rstrip() for line in lines]
        if self.no_gradient is not None:
            text.append(f"without gradients, as it has none: {self.no_gradient}")
        return "\n".join(text)


def explain(function: Callable[..., Any], *args: Any, **options: Any) -> Explanation:
    """Say which algorithms ``algorithm="auto"`` takes for a call and its gradients, and why.

    Nothing is computed: the call is traced, and its reverse-mode derivative with respect to every
    array of floats. A function that was jitted and called before is traced again, and so is every
    jitted function in it. If there is no such derivative, as of a ``while_loop``, the call alone is
    explained.

    ```
    >>> import jax
    >>> from cnn_jax import functional as F
    >>> x = jax.ShapeDtypeStruct((8, 56, 56, 128), "float32")
    >>> kernel = jax.ShapeDtypeStruct((3, 3, 1, 128), "float32")
    >>> explanation = F.explain(F.conv, x, kernel, padding="SAME", groups=128)
    >>> [(part.side, part.algorithm) for part in explanation.parts]
    [('output', 'native'), ('input_grad', 'native'), ('kernel_grad', 'native')]

    ```

    Args:
        function: one of this library, or any function that calls them.
        args: what it is called with; arrays may be `jax.ShapeDtypeStruct`s.
        options: keyword arguments of the call; arrays among them are like those of `args`.

    Returns:
        An `Explanation`, whose `parts` name the algorithm of every convolution's output, input
        gradient and kernel gradient, and of every pool. On GPU and TPU all of them are XLA's,
        unless `cnn_jax.autotune` measured otherwise.

    Raises:
        TypeError: if `function` is not callable.
        Exception: what the call itself raises.
    """
    if not callable(function):
        raise TypeError(f"`function` must be callable, such as F.conv; got {function!r}.")
    leaves, tree = jax.tree.flatten((args, options))
    places = [
        i for i, leaf in enumerate(leaves) if hasattr(leaf, "shape") and hasattr(leaf, "dtype")
    ]
    floats = [i for i in places if jnp.issubdtype(leaves[i].dtype, jnp.floating)]
    arrays = [leaves[i] for i in places]

    def call(*arrays: jax.Array) -> Any:
        given = list(leaves)
        for place, array in zip(places, arrays):
            given[place] = array
        args, options = tree.unflatten(given)
        return function(*args, **options)

    def with_gradients(*arrays: jax.Array) -> Any:
        def of_floats(*changed: jax.Array) -> list[jax.Array]:
            given = dict(zip(places, arrays)) | dict(zip(floats, changed))
            results = jax.tree.leaves(call(*given.values()))
            return [y for y in results if jnp.issubdtype(y.dtype, jnp.floating)]

        y, transposed = jax.vjp(of_floats, *(arrays[places.index(i)] for i in floats))
        return transposed(y)

    if not floats:
        return Explanation(_traced(call, arrays))
    try:
        return Explanation(_traced(with_gradients, arrays))
    except Exception as error:
        parts = _traced(call, arrays)  # raises what the call itself raises
        return Explanation(parts, no_gradient=str(error).partition("\n")[0])


def _traced(call: Callable[..., Any], arrays: Sequence[Any]) -> tuple[Part, ...]:
    """The parts that are met while `call` is traced.

    The record of them is part of the key of every cache of traced functions that JAX keeps
    (`using`), so that none of these hides a part.
    """
    with noting() as notes:
        jax.eval_shape(call, *arrays)
    parts = []
    for problem, chosen in notes.met.items():
        choice = chosen["cpu"]
        taken = ALGORITHMS[choice.algorithm].workspace(problem)
        parts.append(Part(problem.side, problem, choice.algorithm, choice.why, taken))
    return tuple(parts)
