"""Receptive fields: how much of the input a unit sees.

Each layer of window k widens the field by k - 1 steps, and each stride makes the steps longer. Two
layers of 3 see 5; a network as deep as ResNet-50 sees more than its whole input. But not all places
count alike: most of what a unit depends on lies near the middle.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from matplotlib.figure import Figure

from cnn_jax import analysis, models, pages
from cnn_jax import functional as F
from cnn_jax.data import photos
from experiments.lecture._drawing import arrows, nodes, row
from experiments.lecture._section import code, numbers
from experiments.lecture._training import garments, lenet

TRY = "dilation=2 in the second layer of two(); a pool between the layers."
REFERENCE = (
    "Lecture, receptive fields; Araujo et al., Computing receptive fields, Distill, 2019; Luo et "
    "al., 2016, arXiv:1701.04128."
)


def two():
    kernel = jnp.ones((3, 1, 1))

    def f(x):
        first = F.conv(x, kernel)
        return {"first": first, "second": F.conv(first, kernel)}

    return [analysis.receptive_field(f, (9, 1), output=name) for name in ("first", "second")]


def connected():
    kernel = jnp.ones((3, 1, 1))
    first, second = (
        analysis.connectivity(lambda x: F.conv(x, kernel), (inputs, 1)).matrix for inputs in (9, 7)
    )
    below = second[2]  # what reaches the unit in the middle, of the first layer
    return first, second, below, first[below].any(0)


def grown(depths, window):
    kernel = jnp.ones((window, 1, 1))

    def deep(x, depth):
        for _ in range(depth):
            x = F.conv(x, kernel, padding="SAME")
        return x

    found = [analysis.receptive_field(lambda x, n=n: deep(x, n), (301, 1)) for n in depths]
    return [field.inputs[0].axes[0].size for field in found]


def networks():
    lenet = nnx.eval_shape(lambda: models.lenet(rngs=nnx.Rngs(0)))
    resnet = nnx.eval_shape(lambda: models.resnet50(rngs=nnx.Rngs(0)))
    small = analysis.receptive_field(lenet.feature_maps, (1, 28, 28, 1), output="conv2")
    large = analysis.receptive_field(resnet.feature_maps, (1, 224, 224, 3), output="stage4")
    return small, large


def effective():
    kernel = jnp.ones((3, 3, 1, 1)) / 9

    def f(x):
        for _ in range(8):
            x = F.conv(x, kernel, padding="SAME")
        return x

    return analysis.effective_receptive_field(f, (33, 33, 1), key=jax.random.key(0), samples=8)


def before_and_after():
    found = {}
    for when, model in zip(("before", "after"), lenet()):
        key = jax.random.key(0)
        found[when] = analysis.effective_receptive_field(
            model.feature_maps, (1, 28, 28, 1), output="pool2", key=key
        )
    return found


def on_photographs(small, large):
    garment = garments("test", 1).images[0]
    cat = photos.load("test")["chelsea"][38:262, 114:338]
    return (
        analysis.plot_receptive_field(small, image=garment),
        analysis.plot_receptive_field(large, image=cat),
    )


def two_layers(first, second, below, inputs):
    """Draw two layers; the unit in the middle of the second, and what reaches it, in color."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    places = [np.arange(width) + shift for width, shift in ((9, 0), (7, 1), (5, 2))]
    chosen = [np.flatnonzero(inputs), np.flatnonzero(below), [2]]
    names = "input", "first layer", "second layer"
    for height, (name, where, marked) in enumerate(zip(names, places, chosen)):
        nodes(axes, where, range(1, len(where) + 1), height, marked)
        axes.text(-0.7, height, name, ha="right", va="center", fontsize=9)
    for height, matrix in enumerate((first, second)):
        marked = matrix & np.isin(np.arange(len(matrix)), chosen[height + 1])[:, None]
        ends = places[height], places[height + 1]
        arrows(axes, matrix & ~marked, ends, lambda *_: "0.8", height)
        arrows(axes, marked, ends, lambda *_: "C1", height)
    axes.set(xlim=(-2.2, 8.5), ylim=(-0.25, 2.25))
    axes.set_axis_off()
    return figure


def curves():
    """Draw how the field grows with depth, for three windows."""
    depths = range(1, 13)
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for window in (3, 5, 7):
        axes.plot(depths, grown(depths, window), marker=".", label=f"window {window}")
    axes.set(xlabel="layers", ylabel="units seen on an axis")
    axes.legend()
    return figure


def show():
    first, second = (field.inputs[0].axes[0] for field in two())
    small, large = networks()
    sizes = {
        name: tuple(axis.size for axis in field.inputs[0].axes[1:3])
        for name, field in (("LeNet-5 conv2", small), ("ResNet-50 stage4", large))
    }
    connections = connected()
    garment, cat = on_photographs(small, large)
    measured, trained = effective(), before_and_after()
    return [
        code(two, connected),
        pages.figure(
            two_layers(*connections),
            "Two layers of windows of 3, as connectivity finds them in the program, and in color "
            "what reaches one unit of the second: three of the first, five of the input.",
        ),
        numbers(
            {
                "one layer of 3 sees": first.size,
                "two see": second.size,
                "colored inputs": int(connections[-1].sum()),
            }
        ),
        code(grown),
        pages.figure(curves(), "The field grows by k - 1 with every layer of window k."),
        code(networks, on_photographs),
        pages.figure(garment, "What a unit of LeNet-5's second convolution sees of a garment."),
        pages.figure(
            cat,
            "A unit of ResNet-50's last stage sees all of a photograph: its field is larger.",
        ),
        numbers({f"field of {name}": size for name, size in sizes.items()}),
        code(effective),
        pages.figure(
            analysis.plot_effective_field(measured),
            "How much a unit after eight averages of 3 x 3 depends on each place.",
        ),
        numbers(
            {
                "its width, a standard deviation, measured": float(measured.inputs[0].width[-1]),
                "by the formula, sqrt(2 * 8 / 3)": float(np.sqrt(16 / 3)),
            }
        ),
        code(before_and_after),
        pages.figure(
            row({f"{when} training": one.inputs[0].magnitude for when, one in trained.items()}),
            "The same of the unit in the middle of LeNet-5's last pool, before and after ten "
            "epochs of garments. That training widens it (Luo et al.) is not seen here.",
        ),
        numbers(
            {
                f"its width {when} training": float(one.inputs[0].width[-1])
                for when, one in trained.items()
            }
        ),
    ]
