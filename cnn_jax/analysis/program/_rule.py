"""The form of an entry in the table of primitives; the entries are in `rules`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Rule:
    """What a primitive does, as far as the analyses need it.

    Attributes:
        kind: ``"elementwise"``: each element of the result depends on the elements at its own
            index; a scalar operand counts at every index. ``"moves"``: elements change places.
            ``"sums"``: likewise, and elements that meet in one place are added. ``"passes"``:
            output i is operand i. ``"product"``: a sum of products of elements of two operands,
            such as a convolution. ``"mixes"``: anything else.
        fields: maps ``(step, sights, seeing)`` to the `Sight` of each output. None: the units are
            taken to see all that the step reads, with a remark.
        depends: maps ``(step, depending)`` to the layers of each output. None: they follow from
            `kind`; for ``"mixes"`` they are all that the step reads, with a remark.
        moves: numbers of the operands whose elements move; the others hold indices. None: all.
        move: ``(options, *arrays)`` to the array that NumPy makes by the same move, all with one
            more axis in front. None: JAX moves them, which takes a compilation.
        again: ``(step, arrays)`` to what JAX makes of other arrays by the same move. None: the
            step's equation is evaluated.
        support: maps ``(step, depending)`` to where a result that reads no data may differ from
            zero. None: anywhere, unless the step only moves, sums or passes elements.
        in_place: whether the result may take the memory of the largest operand.
    """

    kind: Literal["elementwise", "moves", "sums", "passes", "product", "mixes"] = "mixes"
    fields: Callable[..., list] | None = None
    depends: Callable[..., list] | None = None
    moves: tuple[int, ...] | None = (0,)
    move: Callable[..., np.ndarray] | None = None
    again: Callable[..., list] | None = None
    support: Callable[..., np.ndarray] | None = None
    in_place: bool = False


UNKNOWN = Rule()
Rules = dict[str, Rule]
Options = dict[str, Any]
