"""`Plan`: how one equation of a jaxpr is computed by this library, or why it is not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from cnn_jax.algorithms import noting

Compute = Callable[..., jax.Array]


@dataclass(frozen=True)
class Plan:
    """What becomes of a convolution or a window reduction.

    Attributes:
        what: what the equation computes, such as ``"convolution"`` or ``"kernel gradient"``.
        side: the function of an `Algorithm` that computes it, such as ``"kernel_grad"``.
        operands: the variables or literals of the jaxpr that `compute` takes.
        compute: the function that computes the equation's result; None if it is left as it is.
        reason: why it is left as it is.
    """

    what: str
    side: str = ""
    operands: tuple[Any, ...] = ()
    compute: Compute | None = None
    reason: str = ""

    def platforms(self, *operands: jax.Array) -> list[str]:
        """The platforms on which `compute` runs; on the others the equation does, as it was.

        They are CPUs, and this machine's accelerator if `cnn_jax.autotune` found another algorithm
        than XLA's to be faster there.
        """
        assert self.compute is not None
        if jax.default_backend() == "cpu":
            return ["cpu"]
        with noting() as notes:
            jax.eval_shape(self.compute, *operands)
        chosen = [choices.items() for choices in notes.met.values()]
        faster = {platform for c in chosen for platform, its in c if its.algorithm != "xla"}
        return sorted(faster | {"cpu"})


def planned(
    what: str, side: str, equation: Any, compute: Compute, operands: tuple[Any, ...]
) -> Plan:
    """A plan to compute an equation, if `compute` accepts the operands and has its result."""
    (result,) = equation.outvars
    kinds = [atom.aval for atom in (*operands, result)]
    if any(not isinstance(n, int) for kind in kinds for n in kind.shape):
        return Plan(what, side, reason="its shape is symbolic")
    if any(axis is not None for kind in kinds for axis in kind.sharding.spec):
        return Plan(what, side, reason="its axes are sharded explicitly")
    shapes = [jax.ShapeDtypeStruct(kind.shape, kind.dtype) for kind in kinds]
    try:
        made = jax.eval_shape(compute, *shapes[:-1])
    except (TypeError, ValueError) as refusal:
        return Plan(what, side, reason=" ".join(str(refusal).split()))
    if (made.shape, made.dtype) != (shapes[-1].shape, shapes[-1].dtype):
        return Plan(what, side, reason=f"ours would be {made.dtype}{list(made.shape)}")
    return Plan(what, side, operands, compute)
