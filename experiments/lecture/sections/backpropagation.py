"""Backpropagation: the chain rule, term by term.

The gradient of a loss with respect to a weight is a product: how the loss changes with the last
layer, times how each layer changes with the one before. Written out for three layers it is what
jax.grad says. The gradient of a convolution with respect to its input is the transposed convolution
with the same kernel; with respect to its kernel it is a convolution of the input with the output's
gradient. That of a max pool goes to the largest alone.
"""

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F
from cnn_jax import pages
from experiments.lecture._drawing import row
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


def of_a_pool(x):
    return jax.grad(lambda x: F.max_pool(x, (2, 2)).sum())(x)


def show():
    keys = jax.random.split(jax.random.key(0), 8)
    weights = [jax.random.normal(k, s) / 2 for k, s in zip(keys, ((4, 5), (5, 5), (5, 2)))]
    x, y = jax.random.normal(keys[3], (6, 4)), jax.random.normal(keys[4], (6, 2))
    ours, theirs = by_hand(weights, x, y), jax.grad(loss)(weights, x, y)
    chain = max(float(jnp.abs(a - b).max()) for a, b in zip(ours, theirs))

    image, kernel = jax.random.normal(keys[5], (8, 8, 2)), jax.random.normal(keys[6], (3, 3, 2, 3))
    dy = jax.random.normal(keys[7], (6, 6, 3))
    _, back = jax.vjp(F.conv, image, kernel)
    pairs = zip(of_a_convolution(image, kernel, dy), back(dy))
    convolved = max(float(jnp.abs(a - b).max()) for a, b in pairs)

    table = jnp.asarray(np.random.default_rng(3).permutation(36).reshape(6, 6, 1), jnp.float32)
    return [
        code(network, loss, by_hand),
        numbers({"largest difference from jax.grad": chain}),
        code(of_a_convolution),
        numbers({"largest difference from jax.vjp": convolved}),
        code(of_a_pool),
        pages.figure(
            row({"x": table, "gradient of its max pool": of_a_pool(table)}),
            "The gradient of a max pool is a switch: 1 at the largest of each 2 x 2, 0 elsewhere.",
        ),
    ]
