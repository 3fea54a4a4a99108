"""The form of an entry in the table of primitives; the entries are in `rules`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Rule:
    """What a primitive means.

    Attributes:
        kind: ``"elementwise"``: each element of the result depends on those in the same place, a
            scalar is in every place. ``"moves"``: elements are put elsewhere. ``"sums"``: and those
            that meet in one place are added. ``"passes"``: each operand as it is. ``"product"``: a
            sum of products of elements of two operands. ``"mixes"``: all else.
        fields: ``(step, sights, seeing)`` to what the units of each output see. None: they are
            taken to see all that is read, and that is said.
        depends: ``(step, depending)`` to the indicator of each output. None: by the kind; of one
            that mixes, all that is read, and that is said.
        moves: the operands whose elements are moved, the others being indices; None: all.
        move: ``(options, *arrays)``, how NumPy moves arrays with one more axis in front. None: JAX
            does it, which takes a compilation.
        again: ``(step, arrays)``, how JAX moves other arrays. None: as the step's equation says.
        support: ``(step, depending)`` to where a result that reads no data may differ from zero.
            None: anywhere, but for what moves.
        in_place: whether the result may lie where the largest operand lies.
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
