"""Full, local, convolutional: what sharing is worth.

The same network three times: every unit sees everything; or three neighbors; or three neighbors, by
the same weights at all places. What the third can compute, the second can, and what that can, the
first. Yet on signals the third learns most from 4,000 examples, with as many units and also with as
many weights: that neighbors belong together, and that a shape is the same wherever it is, need not
be learned. In another order, the same for all signals, neither is true, and who sees everything
wins. That the convolution loses there is the fault of its window more than of its sharing: the
local layer, which shares nothing, loses too.
"""

import jax
import numpy as np
from flax import nnx
from matplotlib.figure import Figure

from cnn_jax import data, nn, pages
from experiments.lecture._section import code, numbers
from experiments.lecture._training import trained

TRY = (
    "A window of 5 or 7: the longer, the nearer local comes to full. Fewer epochs. python -m "
    "experiments.mnist1d --model dense --shuffled: with batch norm, five times as many epochs."
)
REFERENCE = (
    "Lecture, properties; LeCun, Generalization and network design strategies, 1989; Prince, "
    "Understanding Deep Learning, section 10.2; Greydanus and Kobak, 2020, arXiv:2011.14439."
)
EPOCHS, LENGTH, WINDOW = 30, 40, 3
NETWORKS = {  # channels of each hidden layer; of the full one, its units at each place
    "full": ("full", (15, 15, 15)),
    "local": ("local", (15, 15, 15)),
    "convolutional": ("convolutional", (15, 15, 15)),
    "full, fewer units": ("full", (5, 6, 7)),
    "convolutional, more channels": ("convolutional", (39, 39, 39)),
}


def flat(x):
    return x.reshape(len(x), -1)


def network(connection, widths):
    rngs, places, inputs, layers = nnx.Rngs(0), LENGTH, 1, []
    he, own = (nn.variance_scaling(2.0, batch_axis=axes) for axes in ((), (0,)))
    for width in widths:
        after = (places - WINDOW) // 2 + 1
        options = {"stride": 2, "rngs": rngs}
        if connection == "full":
            dense = nnx.Linear(places * inputs, after * width, kernel_init=he, rngs=rngs)
            layers += [flat, dense]
        elif connection == "local":  # a kernel at each place
            options |= {"input_size": (places,), "kernel_init": own}
            layers.append(nn.ConvLocal(inputs, width, (WINDOW,), **options))
        else:
            layers.append(nn.Conv(inputs, width, (WINDOW,), kernel_init=he, **options))
        layers.append(jax.nn.relu)
        places, inputs = after, width
    return nnx.Sequential(*layers, flat, nnx.Linear(places * inputs, 10, rngs=rngs))


def accuracies(connection, widths):
    found = []
    for name in ("mnist1d", "mnist1d_shuffled"):
        train, test = (data.load(name, split) for split in ("train", "test"))
        _, records = trained(network(connection, widths), train, test, epochs=EPOCHS, rate=1e-2)
        found += [records[-1]["train_accuracy"], records[-1]["test_accuracy"]]
    return found


def show():
    rows, tests = [], []
    for name, (connection, widths) in NETWORKS.items():
        made = nnx.eval_shape(lambda c=connection, w=widths: network(c, w))
        weights = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(made, nnx.Param)))
        found = accuracies(connection, widths)
        tests.append(found[1::2])
        cells = [pages.Cell(f"{value:.3f}", value) for value in found]
        rows.append([name, str(widths), pages.Cell(f"{weights:,}", weights), *cells])
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes, places = figure.subplots(), np.arange(len(NETWORKS))
    for shift, values, name in zip((-0.2, 0.2), np.transpose(tests), ("in order", "shuffled")):
        axes.bar(places + shift, values, width=0.38, label=name)
    axes.set_xticks(places, [name.replace(", ", ",\n") for name in NETWORKS], fontsize=8)
    axes.set(ylabel="accuracy, new signals", ylim=(0, 1))
    axes.legend()
    heads = ["network", "channels", "weights", "in order: training", "new signals"]
    return [
        code(network, accuracies),
        pages.figure(figure, f"MNIST-1D after {EPOCHS} epochs of 4,000 signals, one seed."),
        pages.table([*heads, "shuffled: training", "new signals"], rows),
        numbers(
            {
                "standard error of an accuracy of 0.7 on 1,000 signals": float(
                    np.sqrt(0.7 * 0.3 / 1000)
                )
            }
        ),
    ]
