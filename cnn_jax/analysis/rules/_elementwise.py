"""Elementwise primitives, and those that return their operands unchanged."""

import numpy as np

from ..dependence import Depending
from ..fields import Field, Seeing, Sight, capped, masked, spread, thinned
from ..program import Operand, Rule, Rules, Step

# Zeros in a larger known array are not looked for: what they hide counts as seen.
MOST_KNOWN = 2**24

_NAMES = """
abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil clamp clz
complex conj cos cosh digamma div eq eq_to erf erf_inv erfc exp exp2 expm1 floor ge gt igamma
igammac imag integer_pow is_finite le le_to lgamma log log1p log2 logistic lt lt_to max min
mulhi name ne nextafter not one_minus_square or polygamma population_count pow real
reduce_precision regularized_incomplete_beta rem round rsqrt sharding_constraint shift_left
shift_right_arithmetic shift_right_logical sign sin sinh sqrt square sub tan tanh xor zeta
"""


def elementwise(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Each element sees what the elements at its index see."""
    shape = step.outputs[0].shape
    return [seeing.union([at_rank(sight, len(shape)) for sight in sights], shape)]


def at_rank(sight: Sight, rank: int) -> Sight:
    """The sight of an array of `rank`, or of a scalar broadcast to it."""
    return {
        key: spread(field, rank, (), ()) if field.low.ndim < rank else field
        for key, field in sight.items()
    }


def product(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Elementwise, but a known zero hides what it is multiplied with."""
    (sight,) = elementwise(step, sights, seeing)
    for operand in step.inputs:
        factor = _compressed(seeing, operand, len(step.outputs[0].shape))
        if factor is not None and not factor.all():
            sight = {key: _hidden(field, factor != 0) for key, field in sight.items()}
    return [sight]


def select(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Elements of any case; where the predicate is known, of the chosen case alone."""
    shape, (its, *cases) = step.outputs[0].shape, sights
    which = _compressed(seeing, step.inputs[0], len(shape))
    if which is not None:
        cases = [
            {key: _hidden(field, which == i) for key, field in case.items()}
            for i, case in enumerate(cases)
        ]
    cases = [case for i, case in enumerate(cases) if which is None or (which == i).any()]
    return [seeing.union([at_rank(sight, len(shape)) for sight in (its, *cases)], shape)]


def _hidden(field: Field, seen: np.ndarray) -> Field:
    return capped(field.changed(lambda ends, nothing: masked(ends, nothing, seen)))


def _compressed(seeing: Seeing, operand: Operand, rank: int) -> np.ndarray | None:
    """A known array at `rank`, with length 1 on axes along which it is constant; else None."""
    if int(np.prod(operand.shape)) > MOST_KNOWN:
        return None
    array = seeing.known(operand)
    if array is None:
        return None
    return thinned(array.reshape((1,) * (rank - array.ndim) + array.shape))


def passing(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Output i sees what operand i sees."""
    return sights


def depends_on_product(step: Step, depending: Depending) -> list[np.ndarray]:
    """Elementwise, but a factor hides the other where it is zero."""
    united = depending.elementwise(step)
    for operand in step.inputs:
        if depending.layers(operand) is None:
            united = united & depending.support(operand)
    return [united]


def depends_on_selected(step: Step, depending: Depending) -> list[np.ndarray]:
    """The chosen case, where the predicate is known; else all cases, and the predicate."""
    which = depending.known(step.inputs[0])
    if which is None:
        return [depending.elementwise(step)]
    cases = [depending.spread(operand, step.outputs[0].shape) for operand in step.inputs[1:]]
    return [np.choose(np.asarray(which).astype(int)[None], cases)]


def support_of_first(step: Step, depending: Depending) -> np.ndarray:
    """Zero where the operand is zero."""
    return depending.support(step.inputs[0])


def support_of_product(step: Step, depending: Depending) -> np.ndarray:
    """Zero where a factor is zero."""
    shape = step.outputs[0].shape
    both = [np.broadcast_to(depending.support(operand), shape) for operand in step.inputs]
    return both[0] & both[1]


def support_of_selected(step: Step, depending: Depending) -> np.ndarray:
    """Zero where the selected case is zero."""
    which = depending.known(step.inputs[0])
    if which is None:
        return np.ones(step.outputs[0].shape, bool)
    return np.choose(np.asarray(which).astype(int), [*map(depending.support, step.inputs[1:])])


_ANY = Rule("elementwise", elementwise, in_place=True)
_SAME_ZEROS = Rule("elementwise", elementwise, support=support_of_first, in_place=True)
_PASSING = Rule("passes", passing, in_place=True)

RULES: Rules = {
    **dict.fromkeys(_NAMES.split(), _ANY),
    **dict.fromkeys(("neg", "convert_element_type", "copy", "stop_gradient"), _SAME_ZEROS),
    **dict.fromkeys(("optimization_barrier", "device_put", "pvary"), _PASSING),
    **dict.fromkeys(("reshard", "layout_constraint"), _PASSING),
    "mul": Rule(
        "elementwise", product, depends_on_product, support=support_of_product, in_place=True
    ),
    "select_n": Rule(
        "elementwise", select, depends_on_selected, support=support_of_selected, in_place=True
    ),
}
