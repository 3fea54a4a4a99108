"""What a program for several devices sends between them."""

import re
from collections import Counter

import jax

_INSTRUCTION = re.compile(
    r"(all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(-start)?\("
)


def collectives(program: jax.stages.Compiled) -> Counter:
    """How often each kind of communication stands in a compiled program."""
    return Counter(match[1] for match in _INSTRUCTION.finditer(program.as_text()))
