"""Pooling: each map on its own, and small shifts forgotten in part.

A pool takes the maximum or the mean of each window, in each channel alone, and has no weights.
After a shift of one pixel most maxima are nearly what they were; but on a photograph so are most
pixels, and the pool adds little. How much invariance there is depends on the map.
"""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from cnn_jax import functional as F
from cnn_jax import pages
from cnn_jax.data import photos
from experiments.lecture._drawing import row, table_of
from experiments.lecture._section import code, numbers

TRY = "window=3 with stride=2: windows that overlap, as AlexNet has them."
REFERENCE = (
    "Lecture, pooling; Zhang et al., Dive into Deep Learning, section 7.5; Chaman and Dokmanic, "
    "Truly shift-invariant convolutional neural networks, 2021, arXiv:2011.14214."
)


def slices():
    x = jnp.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4.0]])[..., None]
    return x, F.max_pool(x, (2, 2)), F.avg_pool(x, (2, 2))


def kinds(photo):
    key = jax.random.key(0)
    return {
        "photograph": photo,
        "max": F.max_pool(photo, (4, 4)),
        "average": F.avg_pool(photo, (4, 4)),
        "L4": F.lp_pool(photo, (4, 4), p=4) / 16**0.25,
        "stochastic": F.stochastic_pool(key, photo, (4, 4)),
        "blur": F.blur_pool(photo, (5, 5), stride=4, padding_mode="circular"),
        "polyphase": F.polyphase_pool(photo, (4, 4))[0],
    }


def survive(photo, shift):
    moved = jnp.roll(photo, shift, axis=1)
    pooled = [F.max_pool(x, (2, 2)) for x in (photo, moved)]
    near = [jnp.abs(one - two) < 8 / 255 for one, two in ((photo, moved), pooled)]
    return [float(one.mean()) for one in near]


def each_alone(photo):
    channels = jnp.concatenate([photo, 1 - photo, photo**2], -1)
    together = F.max_pool(channels, (2, 2))
    alone = [F.max_pool(channels[..., i : i + 1], (2, 2)) for i in range(3)]
    return bool((together == jnp.concatenate(alone, -1)).all())


def show():
    photo = (
        jnp.asarray(photos.load("test", channels=1)["camera"][60:188, 160:288], jnp.float32) / 255
    )
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    for axes, values, title in zip(figure.subplots(1, 3), slices(), ("x", "max", "average")):
        table_of(values[..., 0], axes, title)
    curve = Figure(figsize=(7, 3), layout="constrained")
    axes, shifts = curve.subplots(), range(7)
    shares = np.array([survive(photo, shift) for shift in shifts])
    for values, name in zip(shares.T, ("pixels", "maxima of 2 x 2")):
        axes.plot(shifts, values, marker=".", label=name)
    axes.set(xlabel="shift, pixels", ylabel="nearly the same", ylim=(0, 1.02))
    axes.legend()
    return [
        code(slices),
        pages.figure(figure, "The lecture's slice, in windows of 2 x 2 with stride 2."),
        code(kinds),
        pages.figure(
            row(kinds(photo), vmin=0, vmax=1), "A photograph through pools with stride 4."
        ),
        code(survive),
        pages.figure(
            curve,
            "The share of pixels, and of maxima, that change by less than 8 of 255 when the "
            "photograph moves. A pool helps, but not much here: it is the smooth places that stay.",
        ),
        numbers(
            {
                "after one pixel, pixels that stay": float(shares[1, 0]),
                "maxima that stay": float(shares[1, 1]),
                "each channel is pooled alone": each_alone(photo),
            }
        ),
    ]
