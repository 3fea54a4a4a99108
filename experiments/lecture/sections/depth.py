"""Deeper is not better by itself: plain and residual, 20 and 56 layers.

What 20 layers compute, 56 can compute too, if the others pass on what they are given. But a plain
network of 56 layers does not find that: even on the examples that it is trained on, it does worse
than one of 20. With shortcuts, y = x + f(x), a block that learns nothing passes on its input, and
56 layers learn, if not better than 20 here. It is not that gradients vanish: all networks are
normalized, and at the start the plain one's gradient is larger in the first layer than in the last.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from cnn_jax import analysis, data, pages
from cnn_jax import functional as F
from experiments.lecture._section import code, numbers
from experiments.lecture._training import normal

TRY = "110 layers; a learning rate of 0.01; no normalization, and then the shortcuts explode."
REFERENCE = (
    "Lecture, residual networks; He et al., Deep residual learning for image recognition, 2015, "
    "arXiv:1512.03385, figures 1 and 6, there with CIFAR-10, 64,000 steps and three sizes of maps."
)
WIDTH, STEPS = 16, 300


def normalized(x):
    over = {"axis": (0, 1), "keepdims": True}  # the batch and all places
    return (x - x.mean(**over)) / jnp.sqrt(x.var(**over) + 1e-5)


def network(params, signals, shortcuts):
    x = F.conv(signals, params["first"], stride=2, padding=1)
    x = jax.nn.relu(normalized(x))

    def block(x, kernels):
        y = jax.nn.relu(normalized(F.conv(x, kernels[0], padding="SAME")))
        y = normalized(F.conv(y, kernels[1], padding="SAME"))
        return jax.nn.relu(x + y if shortcuts else y), None

    x, _ = jax.lax.scan(block, x, params["blocks"])
    return x.mean(1) @ params["logits"]


def weights(layers, key):
    blocks = (layers - 2) // 2  # beside the first and the last layer
    sizes = {
        "first": (3, 1, WIDTH),
        "blocks": (blocks, 2, 3, WIDTH, WIDTH),
        "logits": (WIDTH, 10),
    }
    gains = {"first": 2 / 3, "blocks": 2 / (3 * WIDTH), "logits": 1 / WIDTH}
    keys = dict(zip(sizes, jax.random.split(key, len(sizes))))
    return {n: normal(keys[n], sizes[n]) * gains[n] ** 0.5 for n in sizes}


def errors(layers, shortcuts, signals, labels):
    """The share of wrong answers in each step's batch."""
    f = partial(network, shortcuts=shortcuts)
    optimizer = optax.sgd(optax.cosine_decay_schedule(0.1, STEPS), momentum=0.9)

    def loss(params, batch):
        logits = f(params, signals[batch])
        cross = optax.softmax_cross_entropy_with_integer_labels(logits, labels[batch])
        return cross.mean(), (logits.argmax(-1) != labels[batch]).mean()

    @jax.jit
    def train(params, batches):
        def step(state, batch):
            params, moments = state
            gradient, wrong = jax.grad(loss, has_aux=True)(params, batch)
            updates, moments = optimizer.update(gradient, moments)
            return (optax.apply_updates(params, updates), moments), wrong

        return jax.lax.scan(step, (params, optimizer.init(params)), batches)[1]

    batches = jax.random.randint(jax.random.key(1), (STEPS, 100), 0, len(labels))
    return train(weights(layers, jax.random.key(0)), batches)


def at_the_start(layers, signals, labels):
    f = partial(network, shortcuts=False)

    def loss(logits):
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return analysis.gradient_norms(f, signals, loss=loss, params=weights(layers, jax.random.key(0)))


def show():
    split = data.load("mnist1d", "train")
    signals, labels = jnp.asarray(split.images), jnp.asarray(split.labels)
    figure, rows = Figure(figsize=(9, 3.2), layout="constrained"), []
    panels = figure.subplots(1, 2, sharey=True)
    for axes, shortcuts in zip(panels, (False, True)):
        kind = "residual" if shortcuts else "plain"
        for layers in (20, 56):
            wrong = np.asarray(errors(layers, shortcuts, signals, labels))
            smooth = np.convolve(wrong, np.ones(20) / 20, "valid")
            axes.plot(np.arange(20, STEPS + 1), smooth, label=f"{layers} layers")
            shares = [float(wrong[last].mean()) for last in (slice(100, 200), slice(-100, None))]
            rows.append(
                [kind, str(layers), *(pages.Cell(f"{share:.3f}", share) for share in shares)]
            )
        axes.set(title=kind, xlabel="step", ylim=(0, 1))
        axes.legend()
    panels[0].set_ylabel("wrong, training signals")
    start = at_the_start(56, signals[:100], labels[:100])
    norms = dict(zip(start.layers, map(float, start.norms)))
    return [
        code(normalized, network, errors),
        pages.figure(
            figure,
            f"Small ones: {WIDTH} channels in all layers, signals of 40 numbers (MNIST-1D), "
            f"{STEPS} steps of 100 each, one seed. The mean of 20 steps.",
        ),
        pages.table(["network", "layers", "wrong in steps 101 to 200", "in the last 100"], rows),
        code(at_the_start),
        numbers(
            {
                "norm of the gradient, 56 plain layers at the start, first layer": norms["first"],
                "last layer": norms["logits"],
            }
        ),
    ]
