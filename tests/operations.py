"""Every public operation, in the cases that all rules of the library are tested on.

`tests.cases` lists the convolutions of `F.conv` and the pools that share its options; here is one
table of all that `cnn_jax.functional` offers, each line a call:

    Operation("unfold", shapes=[(2, 6, 5, 2)], args=((3, 2),), stride=2)

is ``F.unfold(x, (3, 2), stride=2)``, and ``oracle.unfold`` with the same arguments.
"""

import zlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from cnn_jax import functional as F
from tests import oracle
from tests.cases import ALGORITHMS

PLAIN = (None,)  # one way to compute it: no `algorithm`


class Operation:
    """One call of one function: the shapes of its arrays, what follows them, its options.

    Attributes:
        function: the name, in `F` and in `oracle`.
        shapes: of the array arguments, in order.
        images: which of them have batch axes; the others are kernels and biases.
        linear: in which of them it is linear, one at a time.
        floats: which of them it can be differentiated by.
        exact: whether small integers give exact results.
        algorithms: the names it takes; None where there is but one.
        truth: what it is compared with; without it, `oracle`'s function of the same name.
    """

    def __init__(
        self,
        function: str,
        shapes: list[tuple[int, ...]],
        args: tuple = (),
        *,
        before: tuple = (),
        note: str = "",
        images: tuple[int, ...] = (0,),
        linear: tuple[int, ...] = (),
        floats: tuple[int, ...] | None = None,
        exact: bool = True,
        algorithms: tuple[str | None, ...] = ALGORITHMS,
        integers: dict[int, int] | None = None,
        truth: Callable | None = None,
        **options: Any,
    ):
        self.function, self.shapes, self.args, self.before = function, shapes, args, before
        self.truth = truth or getattr(oracle, function)
        self.note, self.images, self.linear, self.exact = note, images, linear, exact
        self.algorithms, self.integers, self.options = algorithms, integers or {}, options
        every = tuple(i for i in range(len(shapes)) if i not in self.integers)
        self.floats = every if floats is None else floats

    def __str__(self):
        options = [f"{k}={v}" for k, v in self.options.items()]
        shapes = [str(list(shape)).replace(" ", "") for shape in self.shapes[:2]]
        return " ".join([self.function, *shapes, *map(str, self.args), *options, self.note]).strip()

    def bound(self, algorithm: str | None = None, **more: Any) -> Callable:
        """The function of the arrays alone."""
        named = {} if algorithm is None else {"algorithm": algorithm}
        function = getattr(F, self.function)
        return lambda *a: function(*self.before, *a, *self.args, **self.options, **named, **more)

    def expected(self, *arrays: np.ndarray) -> Any:
        """What the oracle says."""
        before = self.before
        if self.function == "fractional_max_pool":  # the oracle takes the numbers, not the key
            rank, shape = len(self.args[0]), arrays[0].shape
            maps = (*shape[: len(shape) - rank - 1], shape[-1])
            before = (np.asarray(jax.random.uniform(before[0], (*maps, rank), np.float32)),)
        return self.truth(*before, *arrays, *self.args, **self.options)

    def numbers(self, draw: str = "integers", dtype: Any = np.float32) -> list[np.ndarray]:
        """Seeded arguments: whole numbers in [-8, 8], or standard normal ones."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        drawn = []
        for i, shape in enumerate(self.shapes):
            if i in self.integers:
                least = -1 if self.function == "max_unpool" else 0
                drawn.append(rng.integers(least, self.integers[i], shape, np.int32))
            elif draw == "integers":
                drawn.append(rng.integers(-8, 8, shape, endpoint=True).astype(dtype))
            else:
                drawn.append(rng.standard_normal(shape).astype(dtype))
        return drawn


def _conv_transposes():
    both = {"linear": (0, 1)}
    yield Operation("conv_transpose", [(2, 3), (4, 3)], **both)
    yield Operation("conv_transpose", [(2, 5, 4), (3, 2, 4)], stride=2, **both)
    yield Operation("conv_transpose", [(5, 4), (4, 2, 4)], padding=((1, 2),), **both)
    yield Operation("conv_transpose", [(2, 3, 4, 4), (3, 2, 2, 4)], **both)
    yield Operation(
        "conv_transpose", [(2, 3, 4, 4), (3, 4, 2, 4)], stride=2, padding="SAME", **both
    )
    yield Operation(
        "conv_transpose", [(2, 3, 4, 4), (3, 2, 3, 4)], stride=(2, 3), padding="same_lower", **both
    )
    yield Operation("conv_transpose", [(2, 6, 5, 2), (2, 3, 3, 2)], padding="FULL", **both)
    yield Operation(
        "conv_transpose", [(2, 4, 5, 2), (3, 2, 3, 2)], padding="CAUSAL", dilation=2, **both
    )
    yield Operation(
        "conv_transpose", [(2, 3, 4, 4), (3, 2, 2, 4)], stride=3, padding=1, output_padding=(2, 1),
        groups=2, **both,
    )  # fmt: skip
    yield Operation(
        "conv_transpose", [(2, 3, 4, 2), (3, 2, 2, 2)], stride=2, padding="SAME",
        output_shape=(5, 8), **both,
    )  # fmt: skip
    yield Operation(
        "conv_transpose", [(2, 3, 3, 2), (2, 2, 2, 2)], padding=((-2, 1), (0, -1)), stride=2, **both
    )
    yield Operation(
        "conv_transpose", [(2, 4, 2), (2, 3, 2)], stride=1, dilation=3, output_padding=2, **both
    )
    yield Operation(
        "conv_transpose", [(2, 2, 3, 2, 4), (2, 1, 3, 1, 4)], stride=(1, 2, 2), groups=4, **both
    )


def _convolutions():
    for shapes in ([(2, 8, 3), (3, 1, 6)], [(2, 5, 6, 2), (3, 2, 1, 4)], [(2, 3), (1, 6)]):
        yield Operation("depthwise_conv", shapes, linear=(0, 1))
    yield Operation(
        "depthwise_conv", [(2, 7, 6, 3), (3, 3, 1, 3), (3,)], stride=2, padding="SAME", dilation=2
    )
    yield Operation(
        "depthwise_conv", [(4, 5, 4, 2), (2, 3, 1, 1, 2)], padding=1, padding_mode="circular",
        linear=(0, 1),
    )  # fmt: skip
    yield Operation("separable_conv", [(2, 8, 3), (3, 1, 6), (1, 6, 4)], linear=(0, 1, 2))
    yield Operation(
        "separable_conv", [(2, 6, 5, 2), (3, 2, 1, 2), (1, 1, 2, 3), (3,)], stride=2, padding="SAME"
    )
    yield Operation("conv_local", [(2, 3), (3, 4)], linear=(0, 1))
    yield Operation("conv_local", [(2, 6, 2), (4, 3, 2, 3), (4, 3)])
    yield Operation("conv_local", [(2, 5, 6, 4), (3, 2, 2, 3, 2, 4)], stride=(2, 3), padding=(1, 0),
                    groups=2, linear=(0, 1))  # fmt: skip
    yield Operation("conv_local", [(6, 5, 2), (6, 3, 3, 3, 2, 2), (2,)], padding="SAME",
                    dilation=(1, 2), stride=(1, 2), images=(0,))  # fmt: skip
    yield Operation("conv_local", [(2, 3, 4, 3, 1), (2, 2, 3, 2, 3, 1, 1, 2)], linear=(0, 1))


def _deformable():
    rules = {"algorithms": PLAIN, "exact": False}
    yield Operation("deform_conv", [(2, 7, 2), (3, 2, 3), (2, 5, 1, 3, 1)], images=(0, 2), **rules)
    yield Operation(
        "deform_conv",
        [(2, 6, 5, 4), (3, 2, 2, 4), (2, 3, 3, 2, 6, 2), (2, 3, 3, 2, 6), (4,)],
        stride=2, padding=1, groups=2, offset_groups=2, images=(0, 2, 3), **rules,
    )  # fmt: skip
    yield Operation(
        "deform_conv", [(5, 6, 2), (2, 3, 2, 3), (3, 4, 1, 6, 2)], padding=((-1, 0), (1, 1)),
        dilation=(1, 2), images=(0, 2), **rules,
    )  # fmt: skip
    yield Operation(
        "deform_conv", [(1, 3, 4, 3, 2), (2, 2, 2, 2, 2), (1, 2, 3, 2, 2, 8, 3)], offset_groups=2,
        images=(0, 2), **rules,
    )  # fmt: skip


def _pools():
    ceil = {"ceil_mode": True}
    for kind in ("max", "min", "sum", "avg", "lp"):
        rules = {
            "exact": kind not in ("avg", "lp"),
            "linear": (0,) if kind in ("sum", "avg") else (),
        }
        name = f"{kind}_pool"
        yield Operation(name, [(2, 7, 2)], ((2,),), **ceil, **rules)
        yield Operation(name, [(2, 6, 7, 2)], ((3, 2),), stride=2, padding=1, **ceil, **rules)
        yield Operation(
            name, [(2, 5, 8, 2)], ((2, 3),), stride=(3, 2), padding=((0, 1), (1, 2)),
            dilation=(2, 1), **ceil, **rules,
        )  # fmt: skip
    average = {"exact": False, "linear": (0,)}
    yield Operation("avg_pool", [(2, 6, 7, 2)], ((3, 2),), stride=2, padding=(1, 0), **ceil,
                    count_include_pad=False, **average)  # fmt: skip
    yield Operation("avg_pool", [(4, 5, 7, 2)], ((2, 2, 3),), padding=((0, 1), (1, 1), (2, 0)),
                    **ceil, **average)  # fmt: skip
    norm = {"exact": False}
    yield Operation("lp_pool", [(2, 3)], ((),), **norm)
    yield Operation("lp_pool", [(2, 6, 2)], ((3,),), p=1, stride=1, **norm)
    yield Operation("lp_pool", [(2, 6, 5, 2)], ((2, 2),), p=3.0, stride=(2, 1), padding=1, **norm)
    yield Operation("lp_pool", [(2, 6, 5, 2)], ((3, 2),), p=np.inf, dilation=2, stride=1, **norm)
    yield Operation("lp_pool", [(2, 4, 3, 3, 2)], ((2, 2, 2),), p=2, padding="SAME", **norm)


def _indices():
    name = "max_pool_with_indices"
    yield Operation(name, [(2, 3)], ((),))
    yield Operation(name, [(2, 8, 3)], ((3,),), stride=2, padding=1)
    yield Operation(name, [(2, 6, 7, 2)], ((2, 3),), stride=(2, 1), padding=((0, 1), (2, 1)))
    yield Operation(name, [(7, 6, 2)], ((2, 2),), dilation=(2, 3), stride=1)
    yield Operation(name, [(2, 5, 7, 2)], ((2, 2),), ceil_mode=True, padding=((0, 3), (-1, 0)))
    yield Operation(name, [(2, 3, 4, 3, 2)], ((2, 2, 2),), padding="SAME")
    yield Operation(name, [(2, 4, 3, 2)], ((4, 3),))
    unpool = {"images": (0, 1), "linear": (0,), "algorithms": PLAIN}
    yield Operation("max_unpool", [(2, 3), (2, 3)], ((),), integers={1: 1}, **unpool)
    yield Operation("max_unpool", [(2, 4, 3), (2, 4, 3)], ((9,),), integers={1: 9}, **unpool)
    yield Operation("max_unpool", [(2, 3, 4, 2)] * 2, ((6, 7),), integers={1: 45}, **unpool)
    yield Operation("max_unpool", [(2, 2, 1, 2)] * 2, ((3, 2, 4),), integers={1: 24}, **unpool)


def _adaptive():
    for kind in ("avg", "max"):
        rules = {"exact": kind == "max", "linear": (0,) if kind == "avg" else ()}
        name = f"adaptive_{kind}_pool"
        yield Operation(name, [(2, 3)], ((),), **rules)
        yield Operation(name, [(2, 7, 2)], ((3,),), **rules)
        yield Operation(name, [(2, 8, 6, 2)], ((2, 3),), note="even", **rules)
        yield Operation(name, [(2, 5, 7, 2)], ((3, None),), **rules)
        yield Operation(name, [(4, 5, 2)], ((6, 4),), note="more", **rules)
        yield Operation(name, [(2, 4, 5, 3, 2)], ((2, 3, 1),), **rules)
        name = f"global_{kind}_pool"
        yield Operation(name, [(2, 4, 5, 3)], spatial_rank=2, **rules)
        yield Operation(name, [(2, 3, 2, 4, 3)], spatial_rank=3, **rules)


def _drawn():
    name, key = "fractional_max_pool", (jax.random.key(5),)
    yield Operation(name, [(2, 9, 3)], ((2,),), before=key, output_size=(5,))
    yield Operation(name, [(2, 8, 7, 2)], ((2, 3),), before=key, output_size=(5, 4))
    yield Operation(name, [(5, 6, 5, 2)], ((2, 3, 1),), before=key, output_size=(3, 1, 4))
    name, expectation = "stochastic_pool", {"before": (None,), "exact": False, "algorithms": PLAIN}
    yield Operation(name, [(2, 8, 3)], ((3,),), stride=2, padding=1, **expectation)
    yield Operation(name, [(2, 6, 7, 2)], ((2, 2),), ceil_mode=True, **expectation)


def _antialiased():
    name, linear = "blur_pool", {"linear": (0,), "exact": False}
    yield Operation(name, [(2, 7, 2)], ((3,),), **linear)
    yield Operation(name, [(2, 8, 6, 2)], ((4, 2),), stride=(2, 1), **linear)
    yield Operation(name, [(7, 5, 2)], ((7, 5),), padding_mode="circular", **linear)
    yield Operation(name, [(2, 4, 5, 4, 1)], ((2, 3, 6),), padding_mode="zeros", **linear)
    plain = {"algorithms": PLAIN}
    yield Operation("polyphase_pool", [(2, 6, 3)], ((2,),), **plain)
    yield Operation("polyphase_pool", [(2, 4, 6, 2)], ((2, 3),), p=1, **plain)
    yield Operation("polyphase_pool", [(4, 2, 4, 2)], ((2, 1, 2),), p=np.inf, **plain)
    unpool = {"images": (0, 1), "linear": (0,), **plain}
    yield Operation("polyphase_unpool", [(2, 3, 3), (2,)], ((2,),), integers={1: 2}, **unpool)
    yield Operation("polyphase_unpool", [(2, 2, 3, 2), (2,)], ((2, 3),), integers={1: 6}, **unpool)


def _rearranged():
    plain = {"algorithms": PLAIN, "linear": (0,)}
    for name, shapes in (("unfold", [(2, 7, 6, 2)]), ("fold", [(2, 3, 5, 6, 2)])):
        args = ((3, 2),) if name == "unfold" else ((7, 6), (3, 2))
        yield Operation(name, shapes, args, stride=(2, 1), linear=(0,))
    yield Operation("unfold", [(2, 3)], ((),), linear=(0,))
    yield Operation("unfold", [(8, 2)], ((3,),), padding="SAME", dilation=2, linear=(0,))
    yield Operation("unfold", [(2, 4, 5, 3, 2)], ((2, 3, 1),), padding=1, stride=2, linear=(0,))
    yield Operation("unfold", [(2, 6, 5, 2)], ((2, 2),), padding=((-1, 2), (1, -2)), linear=(0,))
    yield Operation("fold", [(2, 1, 3)], ((), ()), linear=(0,))
    yield Operation("fold", [(8, 3, 2)], ((8,), (3,)), padding="SAME", dilation=2, linear=(0,))
    yield Operation("fold", [(2, 3, 2, 2, 2, 2)], ((6, 5, 3), (1, 2, 1)), stride=2, linear=(0,))
    for order in ("DCR", "CRD"):
        yield Operation("space_to_depth", [(2, 4, 6, 3)], ((2, 3),), order=order, **plain)
        yield Operation("depth_to_space", [(2, 2, 3, 12)], ((2, 3),), order=order, **plain)
    yield Operation("space_to_depth", [(6, 2)], ((3,),), **plain)
    yield Operation("depth_to_space", [(2, 2, 1, 3, 8)], ((2, 2, 2),), **plain)
    yield Operation("pad", [(2, 4, 5, 2)], (((1, 2), -1),), **plain)
    yield Operation("pad", [(2, 4, 5, 2)], ((1, (0, 3)),), value=7, algorithms=PLAIN)
    for mode in ("reflect", "replicate", "circular"):
        yield Operation("pad", [(2, 5, 4, 3)], (((2, 3), (-1, 2)),), padding_mode=mode, **plain)
    yield Operation("pad", [(3, 4, 2, 2)], ((1, 0, (2, 1)),), padding_mode="replicate", **plain)


def _upsampled():
    linear = {"algorithms": PLAIN, "linear": (0,)}
    yield Operation("upsample", [(2, 5, 3)], ((2,),), **linear)
    yield Operation("upsample", [(2, 4, 5, 2)], ((3, 1.5),), **linear)
    yield Operation("upsample", [(2, 3, 4, 5, 1)], ((0.5, 1, 0.7),), **linear)
    for method in ("linear", "cubic"):
        inexact = {"method": method, "exact": False, **linear}
        yield Operation("upsample", [(2, 5, 3)], ((2,),), **inexact)
        yield Operation("upsample", [(4, 5, 2)], ((3, 1.7),), **inexact)
        yield Operation("upsample", [(2, 6, 5, 2)], ((0.6, 2),), align_corners=True, **inexact)
    yield Operation(
        "upsample", [(3, 2, 4, 2)], ((2, 3, 1.5),), method="linear", exact=False, **linear
    )


def _sampled():
    both = {"algorithms": PLAIN, "exact": False, "images": (0, 1)}
    yield Operation("sample", [(2, 9, 3), (2, 7, 1)], **both)
    yield Operation("sample", [(2, 5, 4, 2), (2, 3, 2, 2)], padding_mode="replicate", **both)
    yield Operation("sample", [(4, 3, 2), (4, 2)], padding_mode="reflect", floats=(0,), **both)
    yield Operation("sample", [(2, 2, 3, 4, 1), (2, 5, 3)], method="nearest", floats=(0,), **both)
    yield Operation("sample", [(2, 5, 6, 2), (2, 4, 2)], padding_mode="circular", method="cubic",
                    **both)  # fmt: skip
    yield Operation("sample", [(2, 5, 6, 2), (2, 4, 2)], normalized=True, align_corners=True,
                    padding_mode="reflect", **both)  # fmt: skip


def _drop_ins():
    name, layout = "conv_general_dilated", ("NHWC", "HWIO", "NHWC")
    rules = {"dimension_numbers": layout, "images": (), "linear": (0, 1)}
    padding = ((1, 0), (-1, 2))
    yield Operation(name, [(4, 6, 5, 2), (3, 2, 2, 4)], ((2, 1), padding), **rules)
    yield Operation(name, [(4, 6, 5, 4), (3, 2, 2, 4)], ((2, 1), padding), rhs_dilation=(1, 2),
                    lhs_dilation=(2, 1), feature_group_count=2, **rules)  # fmt: skip
    yield Operation(name, [(4, 6, 5, 2), (3, 2, 2, 4)], ((1, 2), "SAME"), batch_group_count=2,
                    **rules)  # fmt: skip


OPERATIONS = tuple(
    operation
    for group in (
        _convolutions, _conv_transposes, _deformable, _pools, _indices, _adaptive, _drawn,
        _antialiased, _rearranged, _upsampled, _sampled, _drop_ins,
    )
    for operation in group()
)  # fmt: skip
