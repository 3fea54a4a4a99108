"""Where in the user's code a step comes from."""

from pathlib import Path
from typing import Any

import jax

_SITE = Path(jax.__file__).parents[1]
_OURS = Path(__file__).parents[2]
_SKIPPED = (
    *(str(_OURS / name) for name in ("arguments", "geometry", "algorithms", "functional", "nn")),
    *(str(_SITE / name) for name in ("jax", "flax", "equinox", "haiku", "numpy")),
    "<",
)
_TRACER = str(Path(__file__).with_name("_trace.py"))


def source_of(equations: tuple[Any, ...]) -> str:
    """The innermost line of a traceback that is in no library, nor in an inner layer of ours.

    Args:
        equations: the calls around the equation, outermost first, then the equation itself. The
            outermost traceback is right; those in a jitted function may be of an earlier call.

    Returns:
        The line, such as ``"model.py:12"``; "" if there is none.
    """
    for equation in equations:
        traceback = equation.source_info.traceback
        for frame in traceback.frames if traceback is not None else ():
            if frame.file_name == _TRACER:
                break
            if not frame.file_name.startswith(_SKIPPED):
                return f"{Path(frame.file_name).name}:{frame.line_num}"
    return ""
