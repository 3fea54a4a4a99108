"""One random set of arguments for one function, ours and PyTorch's; and how to draw them."""

import dataclasses
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from tests.cases import ALGORITHMS

torch = pytest.importorskip("torch")
TF = torch.nn.functional


@dataclasses.dataclass(frozen=True)
class Case:
    """One set of arguments. `ours` and `theirs` return an array, or `(array, *integer arrays)`."""

    options: dict
    shapes: tuple[tuple[int, ...], ...]
    ours: Callable
    theirs: Callable
    terms: int  # summed into one element of a result or a gradient, at most
    numbers: str = "normal"
    function: str = ""
    rank: int = 0
    index: int = 0

    @property
    def name(self):
        """PyTorch's name of the function."""
        return self.function.split()[0]

    @property
    def algorithm(self):
        """They take turns."""
        return ALGORITHMS[self.index % len(ALGORITHMS)]

    def __str__(self):
        shapes = " ".join("x".join(map(str, shape)) for shape in self.shapes)
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.function} {self.index} {self.algorithm}: {shapes} {options}".replace(
            ", ", ","
        )

    @property
    def arrays(self):
        """Seeded float32 arrays: normal, positive, or whole numbers with many ties."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        draw = {
            "normal": rng.standard_normal,
            "positive": lambda shape: rng.uniform(0.5, 2, shape),
            "ties": lambda shape: rng.integers(-2, 3, shape),
        }[self.numbers]
        return [draw(shape).astype(np.float32) for shape in self.shapes]


def first(x):
    """(n, *spatial, channels) to PyTorch's (n, channels, *spatial)."""
    return x.movedim(-1, 1)


def last(y):
    return y.movedim(1, -1)


def weight(kernel):
    """(*window, in, out) to PyTorch's (out, in, *window)."""
    return kernel.movedim((-1, -2), (0, 1))


def function(name, rank):
    """PyTorch's function of that rank."""
    return getattr(TF, f"{name}{rank}d")


def ints(rng, rank, low, high):
    """An int per axis in [low, high]."""
    return tuple(int(i) for i in rng.integers(low, high, rank, endpoint=True))


def one(rng, low, high):
    return ints(rng, 1, low, high)[0]


def choice(rng, options):
    return options[one(rng, 0, len(options) - 1)]


def spatial_for(rng, window, dilation, padding, least=1):
    """Sizes with 1 to 5 positions at stride 1."""
    return tuple(
        max((w - 1) * d + 1 - 2 * p, least) + one(rng, 0, 4)
        for w, d, p in zip(window, dilation, padding)
    )


def channels(rng):
    """In and out, and the groups they are split into."""
    groups = choice(rng, (1, 1, 2, 3))
    return groups * one(rng, 1, 3), groups * one(rng, 1, 3), groups


def convolution_shapes(rng, spatial, window, into, out, groups):
    """Of x, kernel and, every other time, bias."""
    bias = ((out,),) if rng.random() < 0.5 else ()
    return ((2, *spatial, into), (*window, into // groups, out), *bias)
