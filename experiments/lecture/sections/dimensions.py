"""Two and three dimensions, many channels, many kernels.

A kernel reaches over all channels of its input and sums them, so each kernel makes one map; as many
kernels, as many maps. Its size, its stride, its padding and their number are hyperparameters,
chosen before training; weights and biases are parameters: k x k x channels x kernels, and a bias
for each kernel. A window of 1 x 1 looks at no neighbors: it is one dense layer over the channels,
the same at every pixel, and changes the number of maps. In a clip the window is a cube, and moves
through time too.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from cnn_jax import analysis, models, nn, pages
from cnn_jax import functional as F
from experiments.lecture._drawing import table_of
from experiments.lecture._section import code, numbers

TRY = "A kernel of depth 1 in the clip: then no output knows what was there a moment before."
REFERENCE = (
    "Lecture, convolution in two and three dimensions; Zhang et al., Dive into Deep Learning, "
    "sections 7.2 and 7.4; Tran et al., C3D, 2015, arXiv:1412.0767."
)


# What is chosen of C3D's first layer; what it learns is in its arrays.
CHOSEN = {"out_channels": 64, "kernel_size": (3, 3, 3), "stride": 1, "padding": 1}
COLOR = "#e8710a"


def two_dimensions():
    x = np.arange(9.0).reshape(3, 3, 1)
    kernel = np.array([[0, 1], [2, 3.0]])[..., None, None]
    return x[..., 0], kernel[..., 0, 0], F.conv(x, kernel)[..., 0]


def two_channels():
    x = np.stack([np.arange(9.0), np.arange(1.0, 10)], -1).reshape(3, 3, 2)
    kernel = np.stack([np.arange(4.0), np.arange(1.0, 5)], -1).reshape(2, 2, 2, 1)
    maps = F.conv(x, np.concatenate([kernel, kernel + 1, kernel + 2], -1))  # three kernels
    alone = F.conv(x, kernel.reshape(2, 2, 1, 2), groups=2)  # each channel by itself
    return x, kernel[..., 0], alone, maps


def one_by_one():
    x = np.arange(18.0).reshape(3, 3, 2)
    kernel = np.arange(6.0).reshape(1, 1, 2, 3)
    return bool((F.conv(x, kernel) == x @ kernel[0, 0]).all())


def three_dimensions():
    clip = jax.ShapeDtypeStruct((16, 112, 112, 3), jnp.float32)  # time, height, width, channels
    layer = nnx.eval_shape(lambda: nn.Conv(3, **CHOSEN, rngs=nnx.Rngs(0)))
    maps = nnx.eval_shape(lambda layer, x: layer(x), layer, clip)
    return maps.shape, layer.kernel, layer.bias


def moving():
    clip = np.zeros((5, 8, 8, 1), np.float32)
    for moment in range(5):
        clip[moment, 2:5, moment : moment + 3] = 1  # a square that moves to the right
    kernel = np.zeros((3, 3, 3, 1, 1), np.float32)
    kernel[0], kernel[2] = -1 / 9, 1 / 9  # the mean of 3 x 3 a moment later, minus that before
    field = analysis.receptive_field(lambda x: F.conv(x, kernel), clip.shape, unit=(1, 2, 4))
    return clip, F.conv(clip, kernel), field


def sliding(x, kernel, y):
    """Draw all places of a window, and the output that each gives."""
    figure = Figure(figsize=(8.5, 3.4), layout="constrained")
    above, below = figure.subplots(2, 1 + y.size, height_ratios=[3, 2])
    table_of(x, above[0], "input")
    table_of(kernel, below[0], "weights")
    taps = list(np.ndindex(kernel.shape))
    for place, top, bottom in zip(np.ndindex(y.shape), above[1:], below[1:]):
        window = [(place[0] + i, place[1] + j) for i, j in taps]
        terms = [
            f"{x[at]:g}\N{MULTIPLICATION SIGN}{kernel[tap]:g}" for at, tap in zip(window, taps)
        ]
        table_of(x, top, f"window at {place}", window)
        table_of(y, bottom, " + ".join(terms), [place])
        bottom.title.set_fontsize(7)
    return figure


def summed(x, kernel, alone, one):
    """Draw two channels, the weights for each, what each gives, and the sum."""
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplot_mosaic("xkas\nXKAs", width_ratios=[3, 2, 2, 2])
    for channel, names in enumerate(("xka", "XKA")):
        table_of(x[..., channel], axes[names[0]], f"channel {channel + 1}")
        table_of(kernel[..., channel], axes[names[1]], "its weights")
        table_of(alone[..., channel], axes[names[2]], "what they give")
        sign(axes[names[1]], "*")
        sign(axes[names[2]], "=")
    table_of(one, axes["s"], "their sum")
    sign(axes["A"], "+", (0.5, 1.75))
    sign(axes["s"], "=")
    return figure


def sign(axes, text, place=(-0.25, 0.5)):
    options = {"transform": axes.transAxes, "ha": "center", "va": "center", "fontsize": 13}
    axes.text(*place, text, **options)


def cubes(clip, maps, field):
    """Draw a clip, the cube of it that one output sees, and the maps with that output."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    boxes = [(axis.low, axis.high + 1) for axis in field.inputs[0].axes[:3]]
    output = [(at, at + 1) for at in field.unit[:3]]
    sheets(axes, clip[..., 0], boxes, "a clip, and a cube of 3 x 3 x 3 in it")
    after = len(clip) + 0.5
    sheets(axes, maps[..., 0], output, "maps, and what the cube gives", after, vmin=-1, vmax=1)
    axes.set(aspect="equal", ylim=(10.3, -3))  # rows go down
    axes.set_axis_off()
    return figure


def sheets(axes, frames, boxes, name, begin=0, **shown):
    """Draw frames as sheets that stand behind each other, and a box through some of them."""
    down, across = np.mgrid[: frames.shape[1] + 1, : frames.shape[2] + 1]
    style = {"cmap": "gray", "edgecolors": "0.6", "linewidth": 0.3}
    for moment, frame in enumerate(frames):
        axes.pcolormesh(*aslant(begin + moment, down, across), frame, **style, **shown)
    moments, rows, columns = boxes
    corners = [(rows[i], columns[j]) for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))]
    for moment in range(*moments):
        ring = [aslant(begin + moment, *corner) for corner in corners]
        axes.add_patch(Polygon(ring, facecolor="none", edgecolor=COLOR, linewidth=2))
    for corner in corners:
        ends = [aslant(begin + moment, *corner) for moment in (moments[0], moments[1] - 1)]
        axes.plot(*zip(*ends), color=COLOR, linewidth=1)
    axes.text(aslant(begin, 0, 0)[0], 9.5, name, va="center", fontsize=9)


def aslant(moment, row, column):
    """Where a pixel of a frame is drawn: time to the right, columns to the back."""
    return 5.2 * moment + 0.5 * column, row - 0.3 * column


def show():
    x, kernel, y = map(np.asarray, two_dimensions())
    *parts, three = map(np.asarray, two_channels())
    one = three[..., 0]
    shape, weights, bias = three_dimensions()
    clip, maps, field = moving()
    lenet = nnx.eval_shape(lambda: models.lenet(rngs=nnx.Rngs(0)))
    found = analysis.summarize(lenet, (1, 28, 28, 1))
    counted = 5 * 5 * 1 * 6 + 6, 5 * 5 * 6 * 16 + 16
    return [
        code(two_dimensions),
        pages.figure(
            sliding(x, kernel, y), "A window of 2 x 2 at its four places, and what each gives."
        ),
        code(two_channels, one_by_one),
        pages.figure(
            summed(*parts, one), "Two channels: the kernel has weights for each, and sums."
        ),
        numbers(
            {
                "arange(9) by [[0, 1], [2, 3]]": y.tolist(),
                "two channels, summed": one.tolist(),
                "the maps of the channels alone sum to it": bool((parts[2].sum(-1) == one).all()),
                "three kernels": f"three maps, {three.shape}",
                "1 x 1 equals a dense layer at each pixel": one_by_one(),
            }
        ),
        code(moving),
        pages.figure(
            cubes(clip, np.asarray(maps), field),
            "A cube of three frames, as receptive_field finds it, and the maps of what changes: "
            "white where the square arrives, black where it leaves.",
        ),
        code(three_dimensions),
        numbers(
            {
                "C3D's first layer makes of a clip": shape,
                "its hyperparameters": f"{len(CHOSEN)}: {', '.join(map(said, CHOSEN.items()))}",
                f"weights of its kernel, {weights.shape}": weights.size,
                "biases": bias.size,
                "its parameters": weights.size + bias.size,
            }
        ),
        f"By hand, LeNet-5's convolutions have {counted[0]:,} and {counted[1]:,} parameters.",
        found.to_html(),
    ]


def said(chosen):
    return "{} {}".format(*chosen)
