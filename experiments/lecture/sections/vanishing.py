"""Vanishing gradients: how much of the loss reaches the first layer.

Back through a layer the gradient is multiplied by the derivative of its activation, of which the
sigmoid's is at most 1/4: after twenty layers nothing is left, and the network learns nothing. That
of tanh is 1 at zero, and that of ReLU is 1 for about half of the values: with weights of the right
size both keep the gradient. A normalization brings back even the sigmoid's. A shortcut, x + f(x),
lets it pass unchanged; but without a normalization sums of positive values grow from layer to
layer, and gradients explode.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from matplotlib.figure import Figure

from cnn_jax import analysis, data, models, pages
from cnn_jax import functional as F
from experiments.lecture._section import code, numbers
from experiments.lecture._training import normal

TRY = (
    "gain = 1 for ReLU: the variance of the values halves in each layer. Weights three times as "
    "large for tanh. A learning rate of 1e-2."
)
REFERENCE = (
    "Lecture, vanishing gradients; Glorot and Bengio, 2010; He et al., 2015, arXiv:1502.01852 and "
    "arXiv:1512.03385; Yang et al., A mean field theory of batch normalization, 2019, "
    "arXiv:1902.08129, why gradients explode at the start where there is no shortcut."
)
ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "ReLU": jax.nn.relu}
KINDS = {
    "plain": (False, False),
    "shortcuts": (False, True),
    "normalized": (True, False),
    "normalized, shortcuts": (True, True),
}
LAYERS, WIDTH, STEPS = 20, 16, 200


def weights(activation, key):
    gain = 2 if activation == "ReLU" else 1  # which He's and Xavier's initialization keep
    others = (LAYERS - 1, 3, WIDTH, WIDTH)
    sizes = {"first": (3, 1, WIDTH), "others": others, "logits": (WIDTH, 10)}
    inputs = {"first": 3, "others": 3 * WIDTH, "logits": WIDTH}  # of each value
    keys = dict(zip(sizes, jax.random.split(key, len(sizes))))
    return {n: normal(keys[n], sizes[n]) * (gain / inputs[n]) ** 0.5 for n in sizes}


def network(params, signals, activation, normalized, shortcuts):
    def layer(x, kernel):
        y = F.conv(x, kernel, padding="SAME")
        if normalized:
            over = {"axis": (0, 1), "keepdims": True}  # the batch and all places
            y = (y - y.mean(**over)) / jnp.sqrt(y.var(**over) + 1e-5)
        y = ACTIVATIONS[activation](y)
        return x + y if shortcuts else y, None

    x = F.conv(signals, params["first"], stride=2, padding=1)
    x, _ = jax.lax.scan(layer, x, params["others"])
    return x.mean(1) @ params["logits"]


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def norms_of(gradient):
    """Of each layer, first to last."""
    layers = [gradient["first"][None], gradient["others"], gradient["logits"][None]]
    return jnp.concatenate([jnp.sqrt((g**2).sum(range(1, g.ndim))) for g in layers])


def train(f, params, signals, labels):
    optimizer = optax.adam(1e-3)

    @jax.jit
    def steps(params, batches):
        def step(state, batch):
            params, moments = state
            value, gradient = jax.value_and_grad(
                lambda params: cross_entropy(f(params, signals[batch]), labels[batch])
            )(params)
            updates, moments = optimizer.update(gradient, moments, params)
            return (optax.apply_updates(params, updates), moments), (value, norms_of(gradient))

        return jax.lax.scan(step, (params, optimizer.init(params)), batches)

    batches = jax.random.randint(jax.random.key(1), (STEPS, 100), 0, len(labels))
    return steps(params, batches)[1]


def any_model(images, labels):
    found = {}
    for activation in ("sigmoid", "tanh", "relu"):
        lenet = models.lenet(activation=activation, rngs=nnx.Rngs(0))
        loss = partial(cross_entropy, labels=labels)
        found[f"LeNet-5, {activation}"] = analysis.gradient_norms(lenet, images, loss=loss)
    return found


def show():
    split = data.load("mnist1d", "train")
    signals, labels = jnp.asarray(split.images), jnp.asarray(split.labels)
    figure = Figure(figsize=(9, 6), layout="constrained")
    grid, rows = figure.subplots(2, len(ACTIVATIONS), sharey="row"), []
    for column, activation in enumerate(ACTIVATIONS):
        params = weights(activation, jax.random.key(0))
        above, below = grid[:, column]
        for kind, (normalized, shortcuts) in KINDS.items():
            f = partial(network, activation=activation, normalized=normalized, shortcuts=shortcuts)
            losses, norms = map(np.asarray, train(f, params, signals, labels))
            second, last = norms[:, 1], norms[:, -2]
            above.plot(range(1, LAYERS + 2), norms[0], marker=".", label=kind)
            below.plot(second)
            ends = [float(v[-20:].mean()) for v in (second, last, losses)]
            shown = second[0], last[0], *ends
            rows.append([activation, kind, *(pages.Cell(f"{v:.2g}", v) for v in shown)])
        above.set(title=activation, yscale="log", xlabel="layer")
        below.set(yscale="log", xlabel="step")
    grid[0, 0].set_ylabel("norm of the gradient, at the start")
    grid[1, 0].set_ylabel("that of layer 2, while training")
    grid[0, 0].legend(fontsize="x-small")
    garments = data.load("fashion_mnist_small", "train")
    images = jnp.asarray(garments.images[:64], jnp.float32) / 255
    heads = ["activation", "network", "at the start: layer 2", "layer 20"]
    heads += ["at the end: layer 2", "layer 20", "loss"]
    lenets = any_model(images, jnp.asarray(garments.labels[:64]))
    falls = {
        f"the last layer's gradient over the first's, {name}": float(n.norms[-1] / n.norms[0])
        for name, n in lenets.items()
    }
    return [
        code(weights, network, norms_of, train),
        pages.figure(
            figure,
            f"{LAYERS} convolutions of {WIDTH} channels and a dense layer, with MNIST-1D's signals,"
            f" {STEPS} steps of Adam on 100 of them each.",
        ),
        "The norms of the gradient in the first step, and on average over the last twenty, with "
        f"their loss; that of the same probability for each of ten classes is {np.log(10):.4f}.",
        pages.table(heads, rows),
        "The same of any model, and of any loss:",
        code(any_model),
        pages.figure(
            analysis.plot_gradient_norms(lenets),
            "LeNet-5 with its initial weights: five layers are enough to see it.",
        ),
        numbers(falls),
    ]
