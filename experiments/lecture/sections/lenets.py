"""LeNet-5, as of 1998 and as of today.

The one of 1998 sums windows and multiplies by a weight where today's takes the largest value; each
map of its second convolution sees only some of the maps before it; its activation is a scaled
tanh; and a class is a picture of 7 x 12 that the last layer is to draw. Both have about 60,000
weights, and on the same garments, with the same optimizer and as many steps, today's is a little
ahead.
"""

import jax
from flax import nnx
from matplotlib.figure import Figure

from cnn_jax import models, pages
from cnn_jax.data import augment
from experiments.lecture._section import code, numbers
from experiments.lecture._training import garments, lenet, trained

TRY = (
    "models.lenet(activation='tanh', pool='avg'), on the way from one to the other; "
    "lenet1998(activation='relu'). python -m experiments.lenet trains today's for twice as long."
)
REFERENCE = (
    "Lecture, LeNet-5; LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to "
    "document recognition, 1998, there with digits and a second-order method."
)


def of_1998():
    model = models.lenet1998(input_size=28, rngs=nnx.Rngs(0))
    paper = augment.normalize(0.1 / 1.275, 1 / 1.275)  # from -0.1 to 1.175
    prepare = augment.prepare(then=paper)
    train, test = garments("train"), garments("test")
    return trained(model, train, test, epochs=10, prepare=prepare)


def show():
    _, today, now = lenet()
    old, then = of_1998()
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes, rows = figure.subplots(), []
    for name, model, records in (("1998", old, then), ("today", today, now)):
        epochs = [record["epoch"] for record in records]
        axes.plot(epochs, [record["test_accuracy"] for record in records], marker=".", label=name)
        weights = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
        shown = records[-1]["train_accuracy"], records[-1]["test_accuracy"]
        cells = [pages.Cell(f"{value:.3f}", value) for value in shown]
        rows.append([name, pages.Cell(f"{weights:,}", weights), *cells])
    axes.set(xlabel="epoch", ylabel="accuracy, new garments")
    axes.legend()
    return [
        code(of_1998, lenet),
        pages.figure(figure, "6,000 garments to learn, 1,000 new ones, one seed."),
        pages.table(["LeNet-5 of", "weights", "accuracy: training", "new garments"], rows),
        numbers({"steps of 100": now[-1]["step"]}),
    ]
