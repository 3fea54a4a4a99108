"""Recipes of *Dive into Deep Learning*: its networks on Fashion-MNIST, trained as the book does.

The book trains each network on all 60,000 images for 10 epochs, by gradient descent at one rate,
without momentum, weight decay or augmentation. The numbers are those of its first edition: the side
to which images of 28x28 are enlarged, the batch size, the rate. Sections are those of the second
edition (Zhang, Lipton, Li and Smola, Cambridge University Press, 2023).

What differs in all of them: the book's pixels lie in [0, 1], ours have mean 0 and variance 1. Its
layers have Xavier's initialization, ours He's where a ReLU follows. Its convolutions have a bias in
front of a normalization too, where it does nothing; of ours only LeNet's have one.
"""

import json
from collections.abc import Mapping
from typing import Any


def recipe(
    model: str, side: int, batch_size: int, learning_rate: float, **options: Any
) -> Mapping[str, Any]:
    """The options of `experiments.train` for one network of the book.

    Args:
        model: a constructor's name in `cnn_jax.models`.
        side: height and width of the images, in pixels.
        batch_size: images in a step.
        learning_rate: of all steps.
        options: of that constructor.

    Example:
        >>> made = recipe("lenet", 28, 256, 0.9, pool="avg")
        >>> made["epochs"], made["model_options"], made["size"]
        (10, '{"pool": "avg"}', None)
        >>> recipe("resnet18", 96, 256, 0.05)["size"]
        96
    """
    return {
        "dataset": "fashion_mnist",
        "size": None if side == 28 else side,
        "model": model,
        "model_options": json.dumps(options),
        "epochs": 10,
        "batch_size": batch_size,
        "optimizer": "sgd",
        "momentum": 0.0,
        "schedule": "constant",
        "learning_rate": learning_rate,
    }


OLD = {"activation": "sigmoid", "pool": "avg"}
PLAIN = {"five": "5x5", "norm": "none", "auxiliary": False, "dropout": 0.0}

RECIPES: Mapping[str, Mapping[str, Any]] = {
    # Section 7.6.
    "d2l_lenet": recipe("lenet", 28, 256, 0.9, **OLD),
    # Section 8.1. Ours normalizes channels before the first two pools (it divides them by 1.7 or
    # more), and averages the last map, 5x5, to 6x6.
    "d2l_alexnet": recipe("alexnet", 224, 128, 0.01, variant="2012", groups=1),
    # Section 8.2: a quarter of the channels.
    "d2l_vgg11": recipe("vgg11", 224, 128, 0.05, channels=16),
    # Section 8.3.
    "d2l_nin": recipe("nin", 224, 128, 0.1),
    # Section 8.4. The book's pool before the last two inceptions is 3x3, ours 2x2.
    "d2l_googlenet": recipe("googlenet", 96, 128, 0.1, **PLAIN),
    # Section 8.5.
    "d2l_lenet_batch_norm": recipe("lenet", 28, 256, 1.0, norm="batch", **OLD),
    # Section 8.6. The book's shortcuts have no normalization.
    "d2l_resnet18": recipe("resnet18", 96, 256, 0.05),
    # Section 8.7.
    "d2l_densenet": recipe("densenet21", 96, 256, 0.1),
}
