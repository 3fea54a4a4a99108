"""Backpropagation: the chain rule, term by term.

The gradient of a loss with respect to a weight is a product: how the loss changes with the last
layer, times how each layer changes with the one before. Written out for three layers it is what
jax.grad says. The gradient of a convolution is a convolution. With respect to its input it is the
transposed one with the same kernel: the output's gradient with zeros around, convolved with the
flipped kernel. With respect to its kernel it is the input convolved with the output's gradient.
That of a max pool goes to the largest alone.
"""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from cnn_jax import functional as F
from cnn_jax import pages
from experiments.lecture._drawing import row, table_of
from experiments.lecture._section import code, numbers

TRY = (
    "A fourth layer: one more factor. stride=2: the kernel's gradient is then a convolution with "
    "dilation 2."
)
REFERENCE = (
    "Lecture, backpropagation; Rumelhart, Hinton and Williams, 1986; Prince, Understanding Deep "
    "Learning, chapter 7."
)


def network(weights, x):
    for w in weights[:-1]:
        x = jnp.tanh(x @ w)
    return x @ weights[-1]


def loss(weights, x, y):
    return ((network(weights, x) - y) ** 2).sum() / 2


def by_hand(weights, x, y):
    w1, w2, w3 = weights
    h1 = jnp.tanh(x @ w1)  # forward: every value is needed again
    h2 = jnp.tanh(h1 @ w2)
    d3 = h2 @ w3 - y  # backward: how the loss changes with each layer's sum
    d2 = d3 @ w3.T * (1 - h2**2)
    d1 = d2 @ w2.T * (1 - h1**2)
    return [x.T @ d1, h1.T @ d2, h2.T @ d3]


def of_a_convolution(x, kernel, dy):
    by_input = F.conv_transpose(dy, kernel)
    swapped = x.transpose(2, 0, 1)[..., None]  # channels as a batch
    by_kernel = F.conv(swapped, dy[..., None, :]).transpose(1, 2, 0, 3)
    return by_input, by_kernel


def in_steps(x, kernel, dy):  # of one channel: (height, width, 1), (3, 3, 1, 1)
    padded, flipped = F.pad(dy, (2, 2)), kernel[::-1, ::-1]
    return padded, flipped, F.conv(padded, flipped), F.conv(x, dy[..., None])


def of_a_pool(x):
    return jax.grad(lambda x: F.max_pool(x, (2, 2)).sum())(x)


def compared(x, kernel, dy):
    y, back = jax.vjp(F.conv, x, kernel)
    padded, flipped, by_x, by_kernel = in_steps(x, kernel, dy)
    ours = (by_x, by_kernel[..., None]), of_a_convolution(x, kernel, dy)
    same = [(one == other).all() for pair in ours for one, other in zip(pair, back(dy))]
    return y, padded, flipped, by_x, by_kernel, jnp.array(same).all()


def example():
    """A convolution and its gradients as grids of numbers, and whether jax.vjp says the same."""
    x = jnp.array([[1, 0, 2, 1], [3, 1, 0, 2], [0, 2, 1, 1], [1, 4, 0, 3.0]])[..., None]
    kernel = jnp.array([[1, 2, 0], [0, -1, 1], [3, 0, 1.0]])[..., None, None]
    dy = jnp.array([[1, 2], [2, -1.0]])[..., None]
    y, padded, flipped, by_x, by_kernel, same = jax.jit(compared)(x, kernel, dy)
    lines = (
        (("x", x), ("kernel", kernel), ("y", y)),
        (("dy, zeros around", padded), ("kernel, flipped", flipped), ("gradient by x", by_x)),
        (("x", x), ("dy", dy), ("gradient by the kernel", by_kernel)),
    )
    return products(lines), bool(same)


def products(lines):
    """Draw a line for each convolution: image * kernel = result, with one window marked."""
    cell, gap, above = 0.27, 0.6, 0.35  # inches
    columns = [max(len(line[i][1]) for line in lines) * cell for i in range(3)]
    rows = [max(len(values) for _, values in line) * cell for line in lines]
    width, height = sum(columns) + 3 * gap, sum(rows) + len(lines) * above + 0.05
    figure, top = Figure(figsize=(width, height)), height
    for line, tall in zip(lines, rows):
        left, top = gap / 2, top - above - tall
        size = len(line[1][1])
        marks = [(1 + i, 1 + j) for i in range(size) for j in range(size)], [], [(1, 1)]
        for (name, values), wide, marked, sign in zip(line, columns, marks, "*= "):
            side = len(values) * cell
            place = left + (wide - side) / 2, top + (tall - side) / 2, side, side
            scale = width, height, width, height
            axes = figure.add_axes([one / whole for one, whole in zip(place, scale)])
            table_of(values.reshape(len(values), -1), axes, name, marked)
            left += wide + gap
            middle = (left - gap / 2) / width, (top + tall / 2) / height
            figure.text(*middle, sign, ha="center", va="center")
    return figure


def difference(ours, theirs):
    return max(float(np.abs(np.asarray(a) - b).max()) for a, b in zip(ours, theirs, strict=True))


def show():
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    weights = [normal(4, 5) / 2, normal(5, 5) / 2, normal(5, 2) / 2]
    x, y = normal(6, 4), normal(6, 2)
    chain = difference(jax.jit(by_hand)(weights, x, y), jax.jit(jax.grad(loss))(weights, x, y))

    image, kernel, dy = normal(8, 8, 2), normal(3, 3, 2, 3), normal(6, 6, 3)
    _, back = jax.vjp(F.conv, image, kernel)
    convolved = difference(jax.jit(of_a_convolution)(image, kernel, dy), back(dy))
    grids, same = example()
    table = np.random.default_rng(3).permutation(36).reshape(6, 6, 1).astype(np.float32)
    return [
        code(network, loss, by_hand),
        numbers({"largest difference from jax.grad": chain}),
        code(of_a_convolution),
        numbers({"largest difference from jax.vjp": convolved}),
        code(in_steps),
        pages.figure(
            grids,
            "A convolution y of x, and its gradients if dy is that of y: each is the image on the "
            "left convolved with the small one. Marked: one element, and the window it is from.",
        ),
        numbers({"equal to jax.vjp and to the lines above, exactly": same}),
        code(of_a_pool),
        pages.figure(
            row({"x": table, "gradient of its max pool": of_a_pool(table)}),
            "The gradient of a max pool is a switch: 1 at the largest of each 2 x 2, 0 elsewhere.",
        ),
    ]
