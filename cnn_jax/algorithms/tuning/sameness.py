"""Whether two compiled programs are the same: `fingerprint`.

Several algorithms may be one program: without strides and gaps `phases` is XLA's own convolution.
The text of a compiled program differs even so, in the lines of Python that it names and in the
numbers that XLA gives its instructions.
"""

import re
from typing import Any

METADATA = re.compile(r', metadata=\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}')
NAME = re.compile(r"%[\w.\-]+")
COMPUTATION = re.compile(r"^(?:ENTRY )?(%[\w.\-]+) \(.*\) -> .*\{$", re.MULTILINE)
ELIDED = "{...}"  # in place of the elements of a large constant


def fingerprint(program: Any) -> str | None:
    """What a compiled program does, as a text: equal for programs that are the same.

    Args:
        program: what ``jax.jit(f).lower(x).compile()`` returns.

    Returns:
        The optimized program without its name and the source of its instructions, and with its
        values numbered in the order in which they are named; None if that is not known, as where
        the text leaves out the elements of a constant.
    """
    try:
        text = program.as_text()
    except Exception:  # a platform that has no such text raises an error of its own
        return None
    first = COMPUTATION.search(text or "")
    if first is None or ELIDED in text:
        return None
    body = METADATA.sub("", text[first.start() :])
    body = COMPUTATION.sub(r"\1 {", body)  # its parameters are among its instructions again
    numbers: dict[str, str] = {}
    return NAME.sub(lambda name: numbers.setdefault(name[0], f"%{len(numbers)}"), body)
