"""The options of `experiments.compare_ops`, their checks, and what they select."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from cnn_jax.algorithms import ALGORITHMS
from experiments.compare_ops.clocks.timing import Effort
from experiments.compare_ops.layers import of_model, written
from experiments.compare_ops.layers.case import AUTO
from experiments.compare_ops.layers.drawn import drawn
from experiments.compare_ops.layers.layer import Layer
from experiments.compare_ops.layers.table import LAYERS
from experiments.compare_ops.steps.networks import NETWORKS, Network
from experiments.running.options import require, require_types

Texts = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


@dataclass(frozen=True)
class Config:
    """Compare every side of every layer, by every algorithm, with the built-in and PyTorch."""

    layers: str = ""
    """Only layers of which a word, of the network's or the layer's name, begins with this, in any
    case; several are separated by commas."""
    algorithms: str = ""
    """Only these, separated by commas; by default `auto` and every other, with --quick, --random,
    --steps or --everything only `auto`."""
    quick: bool = False
    """A third of the layers, for a short time each: under 3 minutes on 2 cores."""
    random: int | None = None
    """So many layers drawn at random, instead of those of known networks."""
    seed: int = 0
    """Which layers --random draws."""
    conv: Texts = ()
    """A convolution of your own, such as "x=4,28,28,32 kernel=5,5,32,48 stride=2 groups=4"; padding
    is 1, or 1,2 for each axis, or 0:1,2:2 for each end, or SAME; there are dilation, input_dilation
    and dtype too. Several: give it again."""
    pool: Texts = ()
    """A pool of your own, such as "max x=4,56,56,64 window=3,3 stride=2 padding=1"; min, avg and
    sum pools likewise. Several: give it again."""
    model: str | None = None
    """Every different convolution and pool of a network: a constructor of `cnn_jax.models` such as
    resnet18, or module:name, which names a constructor with an argument `rngs`, an NNX module, or
    a function of one array."""
    input: str | None = None
    """The shape of the input of --model, with its batch axis, such as 4,224,224,3."""
    steps: bool = False
    """Whole training steps of networks instead of layers."""
    everything: bool = False
    """The layers of known networks and then the training steps, by `auto` alone."""
    seconds: float | None = None
    """How long to time each case; by default 1, for your own layers 0.5, with --quick 0.25, with
    --random 0.1, with --steps 20."""
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
        self._require_one_choice()
        require("--random", self.random is None or self.random > 0, "positive", self.random)
        require("--seed", self.seed >= 0, "0 or more", self.seed)
        networks = [n.name for n in NETWORKS] if self.steps else [n.network for n in LAYERS]
        names = [n.name for n in NETWORKS] if self.steps else [n.full_name for n in LAYERS]
        for part in parts(self.layers):
            known = ", ".join(map(repr, dict.fromkeys(networks)))
            found = any(matches(part, name) for name in names)
            rule = f"the name of one of {known}, or how a word of it begins"
            if not self.steps:
                rule = f"part of the names of layers, as in 'LeNet-5 conv1'; networks are {known}"
            require("--layers", found, rule, repr(part))
        in_quick = not self.quick or bool(self.chosen_layers())
        require("--layers", in_quick, "in the third that --quick takes", repr(self.layers))

    def _require_one_choice(self) -> None:
        """Raise RunError if options select layers in two ways, or the model has no input."""
        ways = {
            "--everything": self.everything,
            "--steps": self.steps,
            "--random": self.random is not None,
            "--conv": bool(self.conv or self.pool),
            "--model": self.model is not None,
        }
        given = [option for option, is_given in ways.items() if is_given]
        if given:
            require(given[-1], len(given) < 2, f"left out with {given[0]}", "both")
            require("--quick", not self.quick, f"left out with {given[0]}", self.quick)
        if given and given != ["--steps"]:
            require("--layers", not self.layers, f"left out with {given[0]}", repr(self.layers))
        rule = "given with --input, such as --model resnet18 --input 4,224,224,3"
        require("--model", self.model is None or self.input is not None, rule, "no --input")
        rule = "the shape of the input of a --model"
        require("--input", self.input is None or self.model is not None, rule, "no --model")

    @property
    def own(self) -> bool:
        """Whether the layers are the user's own, whose results are shown algorithm by algorithm."""
        return bool(self.conv or self.pool or self.model)

    def chosen_layers(self) -> list[Layer]:
        """The layers to compare; with `smoke` their small versions.

        Raises:
            RunError: if a layer of the user's, or a network, is not possible.
        """
        if self.random is not None:
            chosen = drawn(self.random, self.seed)
        elif self.model is not None and self.input is not None:
            chosen = of_model.layers_of(self.model, self.input)
        elif self.own:
            chosen = [*map(written.convolution, self.conv), *map(written.pool, self.pool)]
        else:
            chosen = [n for n in LAYERS if self._takes(n.full_name) and (n.quick or not self.quick)]
        return [layer.smaller() for layer in chosen] if self.smoke else chosen

    def chosen_networks(self) -> list[Network]:
        """The networks whose training steps to compare."""
        return [network for network in NETWORKS if self._takes(network.name)]

    def chosen_algorithms(self) -> tuple[str, ...]:
        """The algorithms to compare; tables and plots show the first in detail."""
        alone = self.quick or self.steps or self.everything or self.random is not None
        return parts(self.algorithms) or ((AUTO,) if alone else (AUTO, *ALGORITHMS))

    def effort(self) -> Effort:
        """How long to time a case."""
        memory = self.memory * 2**30
        if self.smoke:
            return Effort(0.0, 2, memory)
        if self.steps:
            return Effort(self.seconds or 20.0, 3, memory)
        if self.random is not None:
            return Effort(self.seconds or 0.1, 3, memory, longest=0.3)
        if self.own:
            return Effort(self.seconds or 0.5, 5, memory, longest=1.0)
        return Effort(self.seconds or (0.25 if self.quick else 1.0), 3 if self.quick else 5, memory)

    def _takes(self, name: str) -> bool:
        wanted = parts(self.layers)
        return not wanted or any(matches(part, name) for part in wanted)


def matches(part: str, name: str) -> bool:
    """Whether `part` is in `name` at the start of a word: "lenet" must not match MobileNet."""
    return re.search(rf"(?<![a-z0-9]){re.escape(part.lower())}", name.lower()) is not None


def parts(option: str) -> tuple[str, ...]:
    """The parts of an option between its commas, without duplicates."""
    return tuple(dict.fromkeys(part.strip() for part in option.split(",") if part.strip()))
