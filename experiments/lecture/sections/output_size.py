"""How large is the output?

floor((n + 2p - d(k - 1) - 1) / s) + 1 for n inputs, a window of k, stride s, padding p and dilation
d; nothing if that is not positive. The formula against the shapes that come out.
"""

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F
from cnn_jax import pages
from experiments.lecture._section import code, numbers

TRY = "The lecture's own: n = 6, k = 3, s = 1, p = 0 gives 4."
REFERENCE = (
    "Lecture, output size; Dumoulin and Visin, 2016, arXiv:1603.07285, relationships 6 and 15."
)
SETTINGS = 10_000


def formula(n, k, s, p, d):
    return max((n + 2 * p - d * (k - 1) - 1) // s + 1, 0)


def sizes(*settings):
    n, k, s, p, d = zip(*settings)  # an axis for each: three cost little more than one
    x, kernel = (jax.ShapeDtypeStruct(size, jnp.float32) for size in ((*n, 1), (*k, 1, 1)))

    def conv(x, kernel):
        options = {"stride": s, "padding": p, "dilation": d}
        return F.conv(x, kernel, **options, algorithm="xla")  # the size is that of all algorithms

    try:
        return jax.eval_shape(conv, x, kernel).shape[:-1]
    except ValueError:  # refused: a window is larger than what it moves over
        return (0,) if len(settings) == 1 else tuple(sizes(one)[0] for one in settings)


def drawn(number):
    lows, highs = (1, 1, 1, 0, 1), (300, 12, 6, 8, 5)  # of n, k, s, p, d
    rng = np.random.default_rng(0)
    return rng.integers(lows, highs, (number, 5), endpoint=True).tolist()


def show():
    settings = drawn(SETTINGS)
    found = [size for i in range(0, SETTINGS, 3) for size in sizes(*settings[i : i + 3])]
    right = sum(formula(*setting) == size for setting, size in zip(settings, found, strict=True))
    rows = [
        [
            pages.Cell(str(value), value)
            for value in (*setting, formula(*setting), sizes(setting)[0])
        ]
        for setting in (
            [6, 3, 1, 0, 1],
            [28, 5, 1, 2, 1],
            [224, 7, 2, 3, 1],
            [32, 3, 1, 2, 2],
            [5, 7, 1, 0, 1],
        )
    ]
    heads = ["n", "k", "s", "p", "d", "formula", "F.conv"]
    return [
        code(formula, sizes),
        pages.table(heads, rows),
        numbers(
            {"settings drawn at random": SETTINGS, "of which the formula says the size": right}
        ),
    ]
