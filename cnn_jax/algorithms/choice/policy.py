"""What `auto` takes: what was measured on this machine, else what the rules for CPUs say."""

from dataclasses import dataclass

from .._contract import Problem
from . import cpu_rules, remembered
from .registry import fits


@dataclass(frozen=True)
class Choice:
    """The name of an algorithm, and why it is taken."""

    algorithm: str
    why: str


def pick(problem: Problem, max_workspace: int) -> dict[str, Choice]:
    """The choice for each platform that has one; on every other platform XLA's own is taken."""
    chosen = {"cpu": from_rules(problem, max_workspace)}
    name = remembered.lookup(problem)
    if name is not None and fits(name, problem, max_workspace):
        chosen[remembered.platform()] = Choice(name, "measured by cnn_jax.autotune")
    return chosen


def from_rules(problem: Problem, max_workspace: int) -> Choice:
    """The algorithm on a CPU where nothing was measured: the first rule that applies and fits."""
    for rule in cpu_rules.RULES:
        applies = problem.side in rule.sides and rule.when(problem)
        if applies and fits(rule.algorithm, problem, max_workspace):
            return Choice(rule.algorithm, rule.measured)
    return Choice("xla", "nothing measured to be faster")
