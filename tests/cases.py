"""The convolutions and the pools that every property is tested on, and seeded numbers for them.

Small on purpose (8x8 images, 4 channels), so that each property can run over all of them, all
algorithms, and the loops of `tests.oracle`:

    @pytest.mark.parametrize("case", CONVS, ids=str)
    def test_equals_the_oracle(case):
        x, kernel = integers(case, np.float32)
        chex.assert_trees_all_equal(
            F.conv(x, kernel, **case.options),
            oracle.conv(x, kernel, **case.options).astype(np.float32),
        )
"""

import dataclasses
import math
import zlib
from typing import Any

import jax.numpy as jnp
import numpy as np

ALGORITHMS = ("xla", "vmap")


@dataclasses.dataclass(frozen=True)
class Conv:
    """One convolution: the shapes of `x` and `kernel`, and the options of `F.conv`."""

    name: str
    x: tuple[int, ...]
    kernel: tuple[int, ...]
    _: dataclasses.KW_ONLY
    stride: int | tuple[int, ...] = 1
    padding: Any = "VALID"
    padding_mode: str = "zeros"
    dilation: int | tuple[int, ...] = 1
    input_dilation: int | tuple[int, ...] = 1
    groups: int = 1

    def __str__(self):
        return self.name

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of `F.conv` and `oracle.conv`."""
        return _all_but(self, "name", "x", "kernel")

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the array arguments, in order."""
        return self.x, self.kernel

    @property
    def terms(self) -> int:
        """Products summed into one output."""
        return math.prod(self.kernel[:-1])


@dataclasses.dataclass(frozen=True)
class Pool:
    """One pool: the shape of `x`, the window, and the options that all pools take."""

    name: str
    x: tuple[int, ...]
    window: tuple[int, ...]
    _: dataclasses.KW_ONLY
    stride: int | tuple[int, ...] | None = None
    padding: Any = "VALID"
    dilation: int | tuple[int, ...] = 1

    def __str__(self):
        return self.name

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of `F.max_pool` and its like, and of the oracle's."""
        return _all_but(self, "name", "x", "window")

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the array arguments, in order."""
        return (self.x,)

    @property
    def terms(self) -> int:
        """Elements under one window."""
        return math.prod(self.window)


def _all_but(case, *names):
    fields = dataclasses.fields(case)
    return {field.name: getattr(case, field.name) for field in fields if field.name not in names}


# fmt: off
CONVS = (
    # Rank and batch axes.
    Conv("rank 0", (5, 3), (3, 4)),
    Conv("rank 0, no batch", (3,), (3, 4)),
    Conv("rank 0, groups", (2, 3, 4), (2, 6), groups=2),
    Conv("rank 1", (2, 8, 3), (3, 3, 4)),
    Conv("rank 1, no batch", (8, 3), (3, 3, 4), stride=2, padding="SAME"),
    Conv("rank 1, two batch axes", (2, 3, 8, 2), (4, 2, 3), padding="SAME"),
    Conv("rank 2", (2, 8, 8, 3), (3, 3, 3, 4)),
    Conv("rank 2, no batch", (8, 7, 2), (2, 3, 2, 3), padding=1),
    Conv("rank 2, two batch axes", (2, 2, 6, 5, 2), (3, 2, 2, 3), stride=(2, 1), padding="SAME"),
    Conv("rank 3", (2, 4, 5, 4, 2), (2, 3, 2, 2, 3), padding="SAME"),
    Conv("rank 3, no batch, all", (5, 4, 6, 2), (2, 3, 1, 1, 4), stride=(2, 1, 3),
         padding=((1, 0), (-1, 2), (0, 1)), dilation=(2, 1, 1), groups=2),
    # Padding: names, ints, pairs, crops.
    Conv("same, even kernel", (2, 7, 8, 2), (4, 2, 2, 3), padding="SAME"),
    Conv("same, strided", (2, 8, 7, 2), (3, 3, 2, 3), stride=2, padding="same"),
    Conv("same lower", (2, 7, 8, 2), (4, 2, 2, 3), stride=(1, 2), padding="SAME_LOWER"),
    Conv("same lower, any case", (2, 8, 2), (2, 2, 3), padding="Same_Lower"),
    Conv("full", (2, 5, 6, 2), (3, 2, 2, 3), padding="FULL"),
    Conv("full, dilated", (2, 6, 2), (3, 2, 3), padding="full", dilation=2),
    Conv("causal", (2, 8, 3), (3, 3, 4), padding="CAUSAL"),
    Conv("causal, rank 2", (2, 6, 5, 2), (2, 3, 2, 3), stride=2, padding="causal", dilation=2),
    Conv("an int each", (2, 8, 6, 2), (3, 5, 2, 3), padding=(1, 2)),
    Conv("pairs", (2, 6, 8, 2), (3, 3, 2, 3), padding=((2, 0), (1, 3))),
    Conv("more padding than kernel", (2, 4, 5, 2), (2, 3, 2, 3), padding=((4, 3), (0, 5))),
    Conv("crop", (2, 8, 8, 2), (3, 3, 2, 3), padding=((-1, -2), (-2, 0))),
    Conv("crop and pad", (2, 8, 7, 2), (3, 2, 2, 3), stride=(2, 1), padding=((-3, 2), (1, -1))),
    Conv("crop by an int", (2, 8, 2), (3, 2, 3), padding=-1),
    # Padding modes: what is copied to outside.
    Conv("reflect", (2, 6, 5, 2), (3, 3, 2, 3), padding=2, padding_mode="reflect"),
    Conv("reflect, dilated", (2, 8, 2), (3, 2, 3), padding="SAME", padding_mode="reflect",
         dilation=2),
    Conv("replicate", (2, 5, 6, 2), (3, 4, 2, 3), padding="SAME", padding_mode="replicate"),
    Conv("replicate, deep", (2, 3, 4, 2), (2, 3, 2, 3), stride=3, padding=((4, 5), (0, 6)),
         padding_mode="replicate"),
    Conv("circular", (2, 8, 6, 2), (3, 5, 2, 3), padding="SAME", padding_mode="circular"),
    Conv("circular, strided", (2, 8, 7, 2), (3, 2, 2, 3), stride=2, padding="SAME",
         padding_mode="circular"),
    Conv("circular causal", (2, 6, 2), (4, 2, 3), padding="CAUSAL", padding_mode="circular"),
    Conv("replicate and crop", (2, 6, 7, 2), (3, 2, 2, 3), padding=((2, 1), (-2, -1)),
         padding_mode="replicate"),
    Conv("circular, long and cropped", (2, 4, 5, 2), (3, 2, 2, 3), padding=((6, -1), (-2, 3)),
         padding_mode="circular"),
    # Stride.
    Conv("stride", (2, 8, 8, 3), (3, 3, 3, 4), stride=2),
    Conv("stride over kernel", (2, 8, 7, 2), (2, 1, 2, 3), stride=(3, 4)),
    Conv("stride over kernel, padded", (2, 8, 2), (2, 2, 3), stride=4, padding=((3, 1),)),
    Conv("remainder", (2, 8, 6, 2), (3, 3, 2, 3), stride=(4, 2)),
    # Dilation of the kernel and of the input.
    Conv("dilation", (2, 8, 7, 2), (3, 2, 2, 3), dilation=(2, 3)),
    Conv("dilation, strided", (2, 8, 8, 2), (3, 3, 2, 3), stride=2, padding="SAME", dilation=3),
    Conv("input dilation", (2, 4, 3, 2), (3, 3, 2, 3), padding=1, input_dilation=2),
    Conv("input dilation, same", (2, 4, 3, 2), (3, 2, 2, 3), stride=(3, 2), padding="SAME",
         input_dilation=(2, 3)),
    Conv("input dilation, crop", (2, 4, 3, 2), (3, 2, 2, 3), padding=((-1, -2), (1, -3)),
         input_dilation=(3, 4)),
    Conv("both dilations", (2, 5, 2), (3, 2, 3), stride=2, padding=((3, 1),), dilation=2,
         input_dilation=3),
    # Groups.
    Conv("groups", (2, 6, 5, 4), (3, 3, 2, 6), padding="SAME", groups=2),
    Conv("depthwise", (2, 6, 6, 4), (3, 3, 1, 4), padding=1, groups=4),
    Conv("depthwise, multiplier", (2, 7, 6, 3), (3, 2, 1, 6), stride=2, padding="SAME", groups=3),
    Conv("groups, all options", (2, 5, 6, 4), (2, 3, 2, 4), stride=(2, 3),
         padding=((-2, 3), (2, 0)), dilation=2, input_dilation=(2, 1), groups=2),
    Conv("groups, reflect", (2, 7, 4), (3, 2, 2), padding=3, padding_mode="REFLECT", groups=2),
    # Sizes at the edge.
    Conv("1x1", (2, 6, 5, 3), (1, 1, 3, 4)),
    Conv("1x1, strided", (2, 6, 5, 3), (1, 1, 3, 4), stride=2),
    Conv("1x1, padded", (2, 4, 5, 3), (1, 1, 3, 4), padding=1),
    Conv("kernel is the input", (2, 5, 4, 2), (5, 4, 2, 3)),
    Conv("kernel over the input", (2, 3, 4, 2), (5, 5, 2, 3), padding=1),
    Conv("sizes of 1", (1, 1, 6, 1), (1, 3, 1, 1), padding="SAME"),
    Conv("empty batch", (0, 6, 5, 2), (3, 3, 2, 3), stride=2, padding="SAME"),
    Conv("no input channels", (2, 5, 0), (3, 0, 3), padding=1),
)

POOLS = (
    # Rank and batch axes.
    Pool("rank 0", (2, 3), ()),
    Pool("rank 1", (2, 8, 3), (2,)),
    Pool("rank 1, no batch", (8, 3), (3,), stride=2),
    Pool("rank 1, two batch axes", (2, 3, 7, 2), (3,), stride=1, padding="SAME"),
    Pool("rank 2", (2, 8, 8, 4), (2, 2)),
    Pool("rank 2, no batch", (7, 8, 3), (3, 2), stride=1),
    Pool("rank 3", (2, 4, 5, 6, 2), (2, 2, 3), stride=(2, 1, 3)),
    Pool("rank 3, no batch, padded", (4, 5, 3, 2), (2, 3, 2), stride=2, padding="SAME"),
    # Stride.
    Pool("overlapping", (2, 7, 8, 3), (3, 3), stride=2),
    Pool("every place", (2, 6, 5, 2), (2, 3), stride=1),
    Pool("stride over window", (2, 8, 8, 2), (2, 1), stride=(3, 4)),
    Pool("remainder", (2, 8, 7, 2), (3, 2)),
    # Padding.
    Pool("same", (2, 7, 8, 2), (2, 3), stride=2, padding="SAME"),
    Pool("same, window stride", (2, 8, 7, 2), (3, 3), padding="same"),
    Pool("same lower", (2, 7, 8, 2), (2, 3), stride=2, padding="SAME_LOWER"),
    Pool("full", (2, 5, 4, 2), (3, 2), stride=1, padding="FULL"),
    Pool("causal", (2, 8, 3), (3,), stride=1, padding="Causal"),
    Pool("an int", (2, 8, 8, 2), (3, 3), stride=2, padding=1),
    Pool("an int each", (2, 8, 6, 2), (2, 3), padding=(0, 1)),
    Pool("pairs", (2, 6, 7, 2), (3, 2), stride=1, padding=((2, 0), (1, 1))),
    Pool("crop", (2, 8, 8, 2), (2, 3), stride=(2, 1), padding=((-1, -2), (1, -3))),
    Pool("windows of nothing but padding", (2, 4, 5, 2), (2, 2), padding=((3, 2), (0, 4))),
    # Dilation.
    Pool("dilation", (2, 8, 7, 2), (3, 2), stride=1, dilation=(2, 3)),
    Pool("dilation, same", (2, 7, 6, 2), (3, 3), stride=2, padding="SAME", dilation=2),
    Pool("dilation, window stride", (2, 8, 3), (2,), dilation=3),
    # Sizes at the edge.
    Pool("1x1", (2, 5, 4, 3), (1, 1)),
    Pool("1x1, strided", (2, 5, 4, 3), (1, 1), stride=2),
    Pool("window is the input", (2, 3, 3, 2), (3, 3)),
    Pool("seven taps", (2, 10, 2), (7,), stride=1, padding=2),
    Pool("sizes of 1", (1, 1, 3, 1), (1, 2), stride=1),
    Pool("empty batch", (0, 6, 5, 2), (2, 2), padding="SAME"),
)
# fmt: on


def _numbers(case, draw, dtype):
    """One array per shape of the case; the seed is the case's name."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    return tuple(draw(rng, shape).astype(dtype) for shape in case.shapes)


def integers(case, dtype=np.float32):
    """Whole numbers in [-8, 8], `(x, kernel)` or `(x,)`: their sums are exact in float32."""
    return _numbers(case, lambda rng, shape: rng.integers(-8, 8, shape, endpoint=True), dtype)


def normals(case, dtype=np.float32):
    """Standard normal numbers, `(x, kernel)` or `(x,)`."""
    return _numbers(case, lambda rng, shape: rng.standard_normal(shape), dtype)


# ROUNDINGS * eps * sqrt(terms) bounds a sum of standard normal products, absolute and relative.
ROUNDINGS = 4.0


def tolerance(dtype, terms=1):
    """The rounding error allowed in a sum of `terms` products: pass it as `rtol` and as `atol`."""
    return ROUNDINGS * float(jnp.finfo(dtype).eps) * math.sqrt(max(terms, 1))
