"""LeNet-5, VGG-16, ResNet-50: where the weights are.

LeNet-5 has most of its weights in its dense layers, and so has VGG-16: 124 of its 138 million. A
mean over all places before one dense layer, as in ResNet-50, leaves nearly all of them to the
convolutions. Most of the work is in the convolutions in all three.
"""

from flax import nnx
from matplotlib.figure import Figure

from cnn_jax import analysis, models, pages
from experiments.lecture._section import code

TRY = "models.googlenet, models.densenet121, models.convnext_tiny: the same two lines."
REFERENCE = (
    "Lecture, networks; LeCun et al., 1998; Simonyan and Zisserman, 2015, arXiv:1409.1556; He et "
    "al., 2016, arXiv:1512.03385."
)


def summaries():
    networks = {
        "LeNet-5": (models.lenet, (1, 28, 28, 1)),
        "VGG-16": (models.vgg16, (1, 224, 224, 3)),
        "ResNet-50": (models.resnet50, (1, 224, 224, 3)),
    }
    return {
        name: analysis.summarize(nnx.eval_shape(lambda make=make: make(rngs=nnx.Rngs(0))), shape)
        for name, (make, shape) in networks.items()
    }


def show():
    found = summaries()
    rows, figure = [], Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    for place, (name, summary) in enumerate(found.items()):
        layers = [row for row in summary.rows if row.operation == "dense"]
        dense, work = sum(row.parameters for row in layers), sum(row.macs for row in layers)
        share = dense / summary.parameters
        axes.barh(place, share, color="tab:orange", label="dense" if not place else None)
        axes.barh(
            place, 1 - share, left=share, color="tab:blue", label="the rest" if not place else None
        )
        rows.append(
            [
                name,
                pages.Cell(f"{summary.parameters:,}", summary.parameters),
                pages.Cell(f"{dense:,}", dense),
                pages.Cell(f"{summary.macs:,}", summary.macs),
                pages.Cell(f"{work:,}", work),
            ]
        )
    axes.set_yticks(range(len(found)), list(found))
    axes.set_xlabel("share of the parameters")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    heads = ["network", "parameters", "of them dense", "multiply-adds", "of them dense"]
    return [
        code(summaries),
        pages.table(heads, rows),
        pages.figure(figure, "Where the parameters are."),
        "LeNet-5, layer by layer:",
        found["LeNet-5"].to_html(),
        *(
            pages.folded(f"{name}, layer by layer", [found[name].to_html()])
            for name in ("VGG-16", "ResNet-50")
        ),
    ]
