"""How long and how often `autotune` times what, by a clock of the tests' own."""

import pytest

from cnn_jax.algorithms import ALGORITHMS
from cnn_jax.algorithms.native import kernels
from cnn_jax.algorithms.tuning import check, measure

from .test_tuned import PROBLEM

pytestmark = pytest.mark.usefixtures("cache")


class Race:
    """Algorithms that take as long as they are said to, by a clock of their own."""

    def __init__(self, monkeypatch, **seconds):
        self.now, self.ran = 0.0, []
        monkeypatch.setattr(measure, "perf_counter", lambda: self.now)
        self.runs = {name: lambda name=name: self.run(name, seconds[name]) for name in seconds}

    def run(self, name, seconds):
        self.ran.append(name)
        self.now += seconds


def test_times_in_turns_and_the_clearly_slow_only_twice(monkeypatch):
    race = Race(monkeypatch, a=0.25, b=0.5, c=1.0)
    medians = measure._medians(race.runs, default="a", seconds=7.0)
    assert "".join(race.ran) == "abcabc" + 5 * "ab"  # 3.5 seconds, and 0.75 for each round more
    assert medians == {"a": 250.0, "b": 500.0, "c": 1000.0}


def test_the_default_is_timed_to_the_end_and_five_rounds_are_the_least(monkeypatch):
    race = Race(monkeypatch, a=0.25, c=1.0)
    measure._medians(race.runs, default="c", seconds=0.01)
    assert "".join(race.ran) == 5 * "ac"


def test_what_is_hopeless_is_not_timed(monkeypatch):
    race = Race(monkeypatch, a=1.0, b=11.0)
    for name, module in {"xla": "a", "shifted": "b"}.items():
        monkeypatch.setitem(ALGORITHMS, name, module)
    monkeypatch.setattr(measure, "candidates", lambda *_: ["xla", "shifted"])
    monkeypatch.setattr(
        check, "compiled", lambda algorithm, *_: check.Trial(race.runs[algorithm], None)
    )
    monkeypatch.setattr(check, "reference", lambda *_: [])
    monkeypatch.setattr(check, "distance", lambda *_: 0.0)
    monkeypatch.setattr(kernels, "missing", lambda: "there is no LLVM")
    found = measure._measured(PROBLEM, 0, seconds=0.5)
    assert race.ran == ["a", "b"] + 5 * ["a"]
    assert found.milliseconds == {"xla": 1000.0, "shifted": 11000.0}
