"""The options of `experiments.compare_ops`, their checks, and what they select."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from cnn_jax.algorithms import ALGORITHMS
from experiments._options import require, require_types
from experiments.compare_ops.clocks.timing import Effort
from experiments.compare_ops.layers.table import LAYERS, Layer
from experiments.compare_ops.steps.networks import NETWORKS, Network

AUTO = "auto"


@dataclass(frozen=True)
class Config:
    """Compare every side of every layer, by every algorithm, with the built-in and PyTorch."""

    layers: str = ""
    """Only layers of which a word, of the network's or the layer's name, begins with this, in any
    case; several are separated by commas."""
    algorithms: str = ""
    """Only these, separated by commas; by default `auto` and every other, with --quick or --steps
    only `auto`."""
    quick: bool = False
    """A third of the layers, for a short time each: under 3 minutes on 2 cores."""
    steps: bool = False
    """Whole training steps of networks instead of layers."""
    seconds: float | None = None
    """How long to time each case; by default 1, with --quick 0.25, with --steps 20."""
    torch: bool = True
    """Compare with PyTorch, if it is installed."""
    memory: float = 2.0
    """GiB of temporary memory; an algorithm that needs more is not run."""
    out: Path | None = None
    """The folder to write into; by default runs/compare_ops/<time>."""
    smoke: bool = False
    """One small image and the fewest repetitions, to see that everything works."""

    def __post_init__(self):
        require_types(self)
        seconds, memory, names = self.seconds, self.memory, ("auto", *ALGORITHMS)
        require("--seconds", seconds is None or 0 < seconds < math.inf, "positive", seconds)
        require("--memory", 0 < memory < math.inf, "positive", memory)
        for name in parts(self.algorithms):
            known = f"among {', '.join(map(repr, names))}, commas between several"
            require("--algorithms", name in names, known, repr(name))
        require("--quick", not (self.quick and self.steps), "left out with --steps", self.quick)
        networks = [n.name for n in NETWORKS] if self.steps else [n.network for n in LAYERS]
        names = [n.name for n in NETWORKS] if self.steps else [n.full_name for n in LAYERS]
        for part in parts(self.layers):
            known = ", ".join(map(repr, dict.fromkeys(networks)))
            found = any(matches(part, name) for name in names)
            rule = f"the name of one of {known}, or how a word of it begins"
            if not self.steps:
                rule = f"part of the names of layers, as in 'LeNet-5 conv1'; networks are {known}"
            require("--layers", found, rule, repr(part))
        in_quick = self.steps or bool(self.chosen_layers())
        require("--layers", in_quick, "in the third that --quick takes", repr(self.layers))

    def chosen_layers(self) -> list[Layer]:
        """The layers to compare; with `smoke` their small versions."""
        chosen = [n for n in LAYERS if self._takes(n.full_name) and (n.quick or not self.quick)]
        return [layer.smaller() for layer in chosen] if self.smoke else chosen

    def chosen_networks(self) -> list[Network]:
        """The networks whose training steps to compare."""
        return [network for network in NETWORKS if self._takes(network.name)]

    def chosen_algorithms(self) -> tuple[str, ...]:
        """The algorithms to compare; tables and plots show the first in detail."""
        alone = self.quick or self.steps
        return parts(self.algorithms) or ((AUTO,) if alone else (AUTO, *ALGORITHMS))

    def effort(self) -> Effort:
        """How long to time a case."""
        if self.smoke:
            return Effort(0.0, 2, self.memory * 2**30)
        seconds = self.seconds or (20.0 if self.steps else 0.25 if self.quick else 1.0)
        return Effort(seconds, 3 if self.steps or self.quick else 5, self.memory * 2**30)

    def _takes(self, name: str) -> bool:
        wanted = parts(self.layers)
        return not wanted or any(matches(part, name) for part in wanted)


def matches(part: str, name: str) -> bool:
    """Whether `part` is in `name` at the start of a word: "lenet" must not match MobileNet."""
    return re.search(rf"(?<![a-z0-9]){re.escape(part.lower())}", name.lower()) is not None


def parts(option: str) -> tuple[str, ...]:
    """The parts of an option between its commas, without duplicates."""
    return tuple(dict.fromkeys(part.strip() for part in option.split(",") if part.strip()))
