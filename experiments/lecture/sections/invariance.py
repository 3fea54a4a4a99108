"""What a trained network makes of a small shift.

Pools are said to forget small shifts. In a trained LeNet-5 each of them forgets some of a shift,
and the convolution after it brings some back: a shift by one pixel still changes much after both,
and one garment in ten gets another class. Windows in steps of two see another grid
after a shift by one. A blur before the step makes that less; adaptive polyphase sampling takes of
all grids the one with the largest values, so that the shift no longer matters, exactly: with
circular borders and a mean over all places at the end no shift changes the class, by construction.
"""

from functools import partial

import jax
from flax import nnx
from matplotlib.figure import Figure

from cnn_jax import analysis, nn, pages
from cnn_jax import functional as F
from cnn_jax.data import augment
from experiments.lecture._section import code, numbers
from experiments.lecture._training import garments, lenet, pixels, scaled, trained

TRY = (
    "augment.pad_crop(2) in training: are the classes steadier? padding_mode='zeros': the border "
    "tells places apart; is polyphase still exact?"
)
REFERENCE = (
    "Lecture, pooling; Zhang, Making convolutional networks shift-invariant again, 2019, "
    "arXiv:1904.11486; Chaman and Dokmanic, 2021, arXiv:2011.14214; Azulay and Weiss, 2019."
)


def layer_by_layer(images, shifts):
    _, model, _ = lenet()

    def flat(images):
        maps = model.feature_maps(images)
        return {name: y.reshape(len(y), -1) for name, y in maps.items()}

    names = ("conv1", "pool1", "conv2", "pool2", "dense1", "dense2", "logits")
    return {name: analysis.invariance(flat, images, shifts, output=name) for name in names}


def pools():
    return {
        "maximum of 2 x 2": lambda x: F.max_pool(x, (2, 2)),
        "blur, every second": lambda x: F.blur_pool(x, (5, 5), stride=2, padding_mode="circular"),
        "polyphase": lambda x: F.polyphase_pool(x, (2, 2))[0],
    }


def network(pool):
    rngs = nnx.Rngs(0)
    circular = {"padding": "SAME", "padding_mode": "circular", "rngs": rngs}
    return nnx.Sequential(
        *(nn.Conv(1, 16, (3, 3), **circular), jax.nn.relu, pool),
        *(nn.Conv(16, 32, (3, 3), **circular), jax.nn.relu, pool),
        *(nn.Conv(32, 32, (3, 3), **circular), jax.nn.relu),
        partial(F.global_avg_pool, spatial_rank=2),
        nnx.Linear(32, 10, rngs=rngs),
    )


def consistency(pool, images):
    prepare = augment.prepare(then=scaled)
    train, test = garments("train"), garments("test")
    model, records = trained(network(pool), train, test, epochs=4, rate=1e-2, prepare=prepare)
    every = [(down, right) for down in range(4) for right in range(4)]
    return analysis.invariance(model, images, every), records[-1]["test_accuracy"]


def show():
    images, shifts = pixels(garments("test", 300).images), range(5)
    layers = layer_by_layer(images, [(0, shift) for shift in shifts])
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, found in layers.items():
        axes.plot(shifts, found.changes, marker=".", label=name)
    axes.set(xticks=shifts, xlabel="shift to the right, pixels", ylabel="|f(T(x)) - f(x)| / |f(x)|")
    axes.legend(fontsize="small")
    rows, exact = [], {}
    for name, pool in pools().items():
        found, accuracy = consistency(pool, images)
        values = float(found.consistency), accuracy, float(found.changes.max())
        shown = f"{values[0]:.2%}", f"{values[1]:.3f}", f"{values[2]:.2g}"
        rows.append([name, *map(pages.Cell, shown, values)])
        exact[f"images that keep their class in all 16 places, {name}"] = int(
            (found.classes == found.classes[0]).all(0).sum()
        )
    one = layers["logits"]
    return [
        code(layer_by_layer),
        pages.figure(figure, "300 garments, moved to the right: how much each layer changes."),
        numbers(
            {
                "after one pixel, change of the first maps": float(layers["conv1"].changes[1]),
                "after both pools": float(layers["pool2"].changes[1]),
                "of the logits": float(one.changes[1]),
                "garments that keep their class": float(one.agreement[1]),
            }
        ),
        code(pools, network, consistency),
        "Consistency: of all pairs of these 16 shifts, the share in which an image gets the same "
        "class.",
        pages.table(
            ["pool", "consistency", "accuracy", "largest relative change of the logits"], rows
        ),
        numbers({"images": len(images), **exact}),
    ]
