"""Overfitting: a thousand images, learned by heart.

LeNet-5 has 60 times as many weights as there are images here. It learns all of them by heart. Of
new images it also becomes more and more sure, right or wrong, so their loss falls at first and then
rises. Dropout takes half of the dense units away in each step, weight decay pulls the weights to
zero, and augmentation mirrors an image and moves it by up to two pixels, which makes 50 variants of
each. Each keeps the loss of new images down; how much that helps the accuracy is another question,
and all at once may be too much.
"""

from functools import partial

import jax
import numpy as np
from flax import nnx
from matplotlib.figure import Figure

from cnn_jax import models, pages
from cnn_jax.data import augment
from experiments.lecture._section import code, numbers
from experiments.lecture._training import garments, scaled, trained

TRY = (
    "100 images. A decay of 0.05, which is usual with AdamW and hardly seen in 800 steps; one of "
    "3, which is too much. All 6,000 images: there is less to mend."
)
REFERENCE = (
    "Lecture, overfitting and dropout; Srivastava et al., Dropout, JMLR 15, 2014; Loshchilov and "
    "Hutter, 2019, arXiv:1711.05101; Goodfellow et al., Deep Learning, chapter 7."
)
IMAGES, EPOCHS = 1000, 40
SPLITS = "train", "test"
MORE = augment.chain(augment.flip(), augment.pad_crop(2))
KINDS = {
    "nothing": {},
    "dropout 0.5": {"dropout": 0.5},
    "weight decay 1": {"decay": 1.0},
    "augmentation": {"augmentation": MORE},
    "all three": {"dropout": 0.5, "decay": 1.0, "augmentation": MORE},
}


def learn(train, test, dropout=0.0, decay=0.0, augmentation=None):
    model = models.lenet(dropout=dropout, rngs=nnx.Rngs(0))
    prepare = augment.prepare(augmentation, then=scaled)
    fit = partial(trained, epochs=EPOCHS, batch_size=50, rate=3e-3)
    _, records = fit(model, train, test, decay=decay, prepare=prepare)
    return records


def show():
    train, test = garments("train", IMAGES), garments("test")
    found = {kind: learn(train, test, **options) for kind, options in KINDS.items()}
    figure = Figure(figsize=(11, 2.8), layout="constrained")
    rows, epochs = [], range(1, EPOCHS + 1)
    for axes, (kind, records) in zip(figure.subplots(1, len(found), sharey=True), found.items()):
        for split in SPLITS:
            axes.plot(epochs, [record[f"{split}_loss"] for record in records], label=split)
        axes.set(title=kind, xlabel="epoch", ylim=(0, 1.2))
        last = records[-1]
        shown = [last[f"{split}_{what}"] for what in ("loss", "accuracy") for split in SPLITS]
        lowest = int(np.argmin([record["test_loss"] for record in records])) + 1
        cells = [pages.Cell(f"{value:.3f}", value) for value in shown]
        rows.append([kind, *cells, pages.Cell(str(lowest), lowest)])
        if not rows[1:]:
            axes.set_ylabel("loss")
            axes.legend()
    heads = ["with", "loss: training", "new images", "accuracy: training", "new images"]
    lenet = nnx.eval_shape(lambda: models.lenet(rngs=nnx.Rngs(0)))
    weights = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(lenet, nnx.Param)))
    share = found["nothing"][-1]["test_accuracy"]
    return [
        code(learn),
        pages.figure(
            figure,
            f"The loss of {IMAGES:,} training images, measured in the training steps, so with "
            f"dropout and augmentation, and of {len(test):,} new ones, over {EPOCHS} epochs with "
            "AdamW.",
        ),
        pages.table([*heads, "epoch of the lowest loss of new images"], rows),
        numbers(
            {
                "weights of the network": weights,
                "standard error of an accuracy measured on 1,000 images": float(
                    np.sqrt(share * (1 - share) / len(test))
                ),
            }
        ),
    ]
