"""A layer: a convolution or a pool, with the shape of its input."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import jax.numpy as jnp

from cnn_jax.geometry import PaddingLike, Window, resolve

Side = Literal["output", "input_grad", "kernel_grad"]
DTYPES = ("float32", "float64", "bfloat16", "float16")
POOL_OPERATIONS = ("max_pool", "min_pool", "avg_pool", "sum_pool")


@dataclass(frozen=True)
class Layer:
    """A layer of a network, with the input it has there."""

    network: str
    name: str
    operation: str
    """``"conv"`` or one of `POOL_OPERATIONS`."""
    x: tuple[int, ...]
    """Shape of the input, (n, *spatial, c)."""
    size: tuple[int, ...]
    """The window."""
    kernel: tuple[int, ...] | None = None
    """Shape of a convolution's kernel, (*size, c // groups, o)."""
    stride: int | tuple[int, ...] = 1
    padding: PaddingLike = 0
    dilation: int | tuple[int, ...] = 1
    input_dilation: int | tuple[int, ...] = 1
    groups: int = 1
    dtype: str = "float32"
    """One of `DTYPES`."""
    quick: bool = False
    """Whether `--quick` takes it: a third of all layers, with every kind among them."""

    @property
    def full_name(self) -> str:
        """The name that `--layers` is matched with."""
        return f"{self.network} {self.name}"

    @property
    def window(self) -> Window:
        """The window with its padding resolved."""
        return resolve(
            self.x[1:-1],
            self.size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            base_dilation=self.input_dilation,
        )

    @property
    def y(self) -> tuple[int, ...]:
        """Shape of the output, (n, *positions, o)."""
        channels = self.x[-1] if self.kernel is None else self.kernel[-1]
        return (self.x[0], *self.window.output_size(self.x[1:-1]), channels)

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that can be computed: a pool has no kernel."""
        every: tuple[Side, ...] = ("output", "input_grad", "kernel_grad")
        return every if self.operation == "conv" else every[:2]

    @property
    def family(self) -> str:
        """The kind of layer; ratios are averaged over the layers of a kind."""
        if self.operation != "conv":
            return self.operation.replace("_", " ")
        if self.groups == 1:
            return "dense"
        return "depthwise" if self.groups == self.x[-1] else "grouped"

    @property
    def described(self) -> str:
        """What differs from a window of stride 1 without padding, in words."""
        window = self.window
        padding = ",".join(f"{low}:{high}" for low, high in window.padding)
        options = {
            "window": _by(self.size) if self.kernel is None else "",
            "stride": _by(window.stride) if set(window.stride) - {1} else "",
            "padding": padding if any(map(any, window.padding)) else "",
            "dilation": _by(window.dilation) if set(window.dilation) - {1} else "",
            "input_dilation": _by(window.base_dilation) if set(window.base_dilation) - {1} else "",
            "groups": str(self.groups) if self.groups > 1 else "",
            "dtype": self.dtype if self.dtype != "float32" else "",
        }
        return " ".join(f"{name}={value}" for name, value in options.items() if value)

    @property
    def flops(self) -> int:
        """Two for each multiply-add, padded taps included; for a pool one for each tap.

        Every side of a convolution has the same number: it is one trilinear form.
        """
        taps = math.prod(self.y) * math.prod(self.size)
        return taps if self.kernel is None else 2 * taps * self.kernel[-2]

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the input, of the kernel if there is one, and of the output's cotangent."""
        return (self.x, self.y) if self.kernel is None else (self.x, self.kernel, self.y)

    def bytes(self, side: Side) -> int:
        """The fewest bytes that must be read and written."""
        parts = [math.prod(shape) for shape in self.shapes()]
        if self.operation in ("max_pool", "min_pool") and side == "input_grad":
            parts.append(math.prod(self.x))  # x is read to find the maxima, its gradient written
        return jnp.dtype(self.dtype).itemsize * sum(parts)

    def smaller(self) -> "Layer":
        """The same layer for one small image, for tests of everything but speed."""
        # A window that covers the whole input still does.
        least = [max(2 * extent, 8) for extent in self.window.extent]
        spatial = [n if n == k else min(n, m) for n, k, m in zip(self.x[1:-1], self.size, least)]
        return replace(self, x=(1, *spatial, self.x[-1]))


def _by(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
