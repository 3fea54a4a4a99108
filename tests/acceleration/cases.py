"""Functions that call `jax.lax`, and what is in them: one list for every property."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@dataclass(frozen=True)
class Case:
    """A function of float arrays of these shapes.

    Attributes:
        what: what its forward pass computes, as `explain` names it.
        gradient: what its gradient computes besides.
    """

    name: str
    function: Callable
    shapes: tuple[tuple[int, ...], ...]
    what: str = "convolution"
    gradient: tuple[str, ...] = ("input gradient", "kernel gradient")

    def arrays(self, seed: int = 0) -> list[jax.Array]:
        """Small integers, whose sums are exact in float32."""
        rng = np.random.default_rng(seed)
        return [jnp.asarray(rng.integers(-3, 4, s), jnp.float32) for s in self.shapes]

    def without_ties(self, seed: int = 0) -> list[jax.Array]:
        """As `arrays`, but the integers of a pool's input are all different.

        For tangents: of several equal maxima `select_and_gather_add` of jaxlib 0.12 takes any.
        """
        if len(self.shapes) > 1:
            return self.arrays(seed)
        ((shape,), rng) = self.shapes, np.random.default_rng(seed)
        count = np.prod(shape)
        return [jnp.asarray(rng.permutation(count).reshape(shape) - count // 2, jnp.float32)]

    def __repr__(self) -> str:
        return self.name


NHWC = ("NHWC", "HWIO", "NHWC")
NCHW = ("NCHW", "OIHW", "NCHW")


def convolution(x, kernel, strides=(1, 1), padding="SAME", numbers=NHWC, **options):
    return lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=numbers, **options
    )


def _convolution(name, x, kernel, what="convolution", gradient=Case.gradient, **options):
    function = lambda x, kernel: convolution(x, kernel, **options)  # noqa: E731
    return Case(name, function, (x, kernel), what, gradient)


def _reduction(name, x, start, reduce, window, strides, padding="SAME", **options):
    which = {lax.max: "max", lax.min: "min", lax.add: "sum"}[reduce]
    gradient = () if "base_dilation" in options else (f"gradient of a {which} pool",)

    def function(x):
        return lax.reduce_window(x, start, reduce, window, strides, padding, **options)

    return Case(name, function, (x,), f"{which} pool", gradient)


IMAGES, KERNEL = (4, 7, 8, 4), (3, 3, 4, 6)
CASES = (
    _convolution("plain", IMAGES, KERNEL),
    _convolution("1x1", IMAGES, (1, 1, 4, 6)),
    _convolution("strides", IMAGES, KERNEL, strides=(2, 3)),
    _convolution("asymmetric", IMAGES, (2, 3, 4, 6), padding=((0, 2), (3, 1)), strides=(2, 1)),
    _convolution("crops", IMAGES, KERNEL, padding=((-1, 2), (3, -2)), strides=(2, 1)),
    _convolution("dilated", IMAGES, KERNEL, rhs_dilation=(2, 1), strides=(1, 2)),
    _convolution("groups", IMAGES, (3, 3, 2, 6), feature_group_count=2),
    _convolution("depthwise", IMAGES, (3, 3, 1, 8), feature_group_count=4, strides=(2, 2)),
    _convolution(
        "batch groups", IMAGES, KERNEL, batch_group_count=2, gradient=("input gradient",)
    ),
    _convolution(
        "transposed", IMAGES, KERNEL, "transposed convolution", ("convolution", "kernel gradient"),
        padding=((1, 1), (2, 0)), lhs_dilation=(2, 2), rhs_dilation=(1, 2),
    ),
    _convolution(
        "transposed in groups", IMAGES, (3, 3, 2, 6), "transposed convolution",
        ("convolution", "kernel gradient"),
        padding=((2, 3), (-1, 0)), lhs_dilation=(2, 1), feature_group_count=2,
    ),
    _convolution(
        "dilated input and strides", IMAGES, KERNEL, gradient=("kernel gradient",),
        padding=((2, 1), (0, 3)), lhs_dilation=(2, 2), strides=(3, 1),
    ),
    _convolution("channels first", (4, 3, 7, 8), (6, 3, 3, 3), numbers=NCHW, strides=(2, 2)),
    _convolution(
        "depthwise, channels first", (4, 4, 7, 8), (8, 1, 3, 3), numbers=NCHW,
        feature_group_count=4,
    ),
    _convolution(
        "mixed axes", (8, 2, 7, 3), (4, 3, 3, 3), numbers=("HNWC", "OWIH", "CNHW"),
        gradient=("kernel gradient",),
    ),
    _convolution(
        "1-D", (4, 9, 4), (3, 4, 6), numbers=("NWC", "WIO", "NWC"), strides=(2,), padding="VALID"
    ),
    _convolution(
        "3-D", (2, 4, 5, 4, 2), (3, 2, 3, 2, 4), numbers=("NDHWC", "DHWIO", "NDHWC"),
        strides=(1, 2, 1),
    ),
    _convolution("window of the whole map", IMAGES, (7, 8, 4, 6), padding="VALID"),
    _convolution("window larger than the map", (4, 2, 2, 4), KERNEL),
    _reduction("max", IMAGES, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1)),
    _reduction("max, no overlap", IMAGES, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"),
    _reduction("min, channels first", IMAGES, jnp.inf, lax.min, (1, 1, 3, 2), (1, 1, 2, 2)),
    _reduction("max over all axes", IMAGES, -jnp.inf, lax.max, (2, 2, 2, 2), (1, 2, 1, 2)),
    _reduction("max, one image", IMAGES[1:], -jnp.inf, lax.max, (3, 3, 1), (1, 1, 1)),
    _reduction("sum", IMAGES, 0.0, lax.add, (1, 2, 3, 1), (1, 2, 2, 1)),
    _reduction("sum of nothing but itself", IMAGES, 0.0, lax.add, (1, 1, 1, 1), (1, 1, 1, 1)),
    _reduction(
        "sum, dilated", IMAGES, 0.0, lax.add, (2, 2, 3, 2), (1, 2, 2, 1), base_dilation=(1, 2, 1, 1)
    ),
    _reduction("sum, padded", IMAGES, 0.0, lax.add, (1, 3, 3, 1), (1, 1, 1, 1),
               ((0, 0), (2, 1), (0, 2), (0, 0)), window_dilation=(1, 2, 1, 1)),
)  # fmt: skip
