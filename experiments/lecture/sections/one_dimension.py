"""One dimension: six nodes, and a window that moves along them.

With the weights [a, b] each output is a x_i + b x_(i+1): five outputs, ten connections, two
weights. With stride 2 every second output is left, three; with a third weight c there are four
outputs. Written as a matrix, the convolution has its weights on diagonals, and zeros everywhere
else: a dense layer in which most connections are missing, and the others share their weights.
Mathematicians flip the weights first, b x_i + a x_(i+1); what networks call a convolution does not,
and is a cross-correlation. Weights that are learned come out flipped, so it makes no difference.
"""

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from cnn_jax import analysis, pages
from cnn_jax import functional as F
from experiments.lecture._drawing import arrows, nodes
from experiments.lecture._section import code, numbers

TRY = "dilation=2 with [a, b]: the arrows leave a node out. groups=2 needs two channels."
REFERENCE = (
    "Lecture, convolution in one dimension; Prince, Understanding Deep Learning, section 10.2."
)
NODES = jnp.arange(1.0, 7.0)[:, None]  # 1, 2, ..., 6: one channel
LAYERS = {
    "[a, b] = [2, 3]": ([2, 3], 1, 0),
    "the same, stride 2": ([2, 3], 2, 0),
    "[a, b, c] = [2, 3, -1]": ([2, 3, -1], 1, 0),
    "the same, bias 10": ([2, 3, -1], 1, 10),
}


def layer(weights, stride, bias):
    kernel = jnp.array(weights, jnp.float32)[:, None, None]  # (window, in, out)

    def f(x):
        return F.conv(x, kernel, jnp.array([bias], jnp.float32), stride=stride)

    return f(NODES)[:, 0], analysis.connectivity(f, (6, 1))


def show():
    parts, found = [code(layer)], {}
    figure = Figure(figsize=(9, 5), layout="constrained")
    for axes, (name, options) in zip(figure.subplots(2, 2).ravel(), LAYERS.items()):
        outputs, connections = layer(*options)
        draw(axes, name, np.asarray(outputs), connections)
        found[name] = f"{len(outputs)} outputs, {connections.connected} connections"
    parts.append(
        pages.figure(
            figure,
            "The nodes of a line and what four convolutions make of them. The arrows are what "
            "connectivity finds in the program; arrows of one color share a weight.",
        )
    )
    _, connections = layer(*LAYERS["[a, b, c] = [2, 3, -1]"])
    matrix = analysis.plot_connectivity(connections)
    parts.append(
        pages.figure(matrix, "The matrix of [a, b, c]: one color for each weight, on diagonals.")
    )
    product = toeplitz([2, 3, -1]) @ np.asarray(NODES)[:, 0]
    same = bool((product == np.asarray(layer([2, 3, -1], 1, 0)[0])).all())
    flipped = np.convolve(np.asarray(NODES)[:, 0], [-1, 3, 2], "valid")
    checks = {
        "matrix times x equals F.conv": same,
        "np.convolve with [c, b, a] equals it": bool((flipped == product).all()),
    }
    return [*parts, code(toeplitz), numbers({**found, **checks})]


def toeplitz(weights, inputs=6):
    rows = inputs - len(weights) + 1
    return sum(weight * np.eye(rows, inputs, offset) for offset, weight in enumerate(weights))


def draw(axes, name, outputs, connections):
    """Draw nodes 1 to 6, the outputs above them, and an arrow for each connection."""
    places = np.arange(len(outputs)) * (5 / max(len(outputs) - 1, 1)) * 0.8 + 0.5
    weights = connections.weights
    nodes(axes, places, outputs, height=1)
    nodes(axes, range(6), range(1, 7))
    arrows(axes, connections.matrix, (range(6), places), lambda *ends: f"C{weights[ends]}")
    axes.set(xlim=(-0.5, 5.5), ylim=(-0.25, 1.25))
    axes.set_axis_off()
    axes.set_title(name, fontsize=9)
