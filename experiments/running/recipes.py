"""Recipes: options of `experiments.train` that belong together, by name, and where they are from.

`--preset NAME` begins with a recipe; options that are given besides win.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import tyro

from cnn_jax import arguments
from experiments.running import books
from experiments.running.options import require, said_of
from experiments.running.train_options import Config

# With --smoke these are those of a small run and not of the recipe.
NOT_IN_SMOKE = ("epochs", "batch_size")

RECIPES: Mapping[str, Mapping[str, Any]] = {
    # As `experiments.lenet` has it, on the images that come with the package; here biases do not
    # decay.
    "lenet_fashion_mnist": {
        "dataset": "fashion_mnist_small",
        "model": "lenet",
        "model_options": '{"dropout": 0.3}',
        "epochs": 20,
        "batch_size": 128,
        "optimizer": "adamw",
        "schedule": "one-cycle",
        "learning_rate": 7e-3,
        "weight_decay": 0.05,
    },
    # He et al. 2015, arXiv:1512.03385, section 4.2: batches of 128, momentum 0.9, a rate of 0.1
    # divided by 10 after 32,000 and 48,000 of 64,000 steps; 164 epochs are 63,960 steps. They
    # subtract the mean of each pixel, and decay every parameter; here biases and norms are spared.
    "resnet20_cifar10": {
        "dataset": "cifar10",
        "model": "resnet20",
        "epochs": 164,
        "batch_size": 128,
        "optimizer": "sgd",
        "schedule": "step",
        "drop_at": (0.5, 0.75),
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "augment": ("flip", "pad_crop=4"),
    },
    # He et al. 2015, section 4.2 with n = 1, 75,002 parameters; rate and epochs are ours: how far a
    # network under 100,000 comes on 2 CPU cores in 7 minutes.
    "resnet8_fashion_mnist": {
        "dataset": "fashion_mnist",
        "model": "resnet8",
        "epochs": 30,
        "batch_size": 128,
        "optimizer": "nesterov",
        "schedule": "one-cycle",
        "learning_rate": 0.15,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "average": 0.998,
        "augment": ("flip", "pad_crop=2"),
    },
    # A ResNet-18 with a 3x3 stem and no pool. After Jordan 2024, arXiv:2404.00498: a frozen layer
    # that whitens patches of 2x2, one cycle, Nesterov's momentum 0.85, label smoothing 0.2, flips,
    # shifts by 2 pixels with reflection, an average of the parameters. Not in it: their own
    # network, the Dirac initialization, a rate of their own for norms' biases, alternating flips,
    # Lookahead, and evaluation of several views. The rate and the epochs are ours.
    "resnet18_cifar10_fast": {
        "dataset": "cifar10",
        "model": "resnet18",
        "model_options": '{"stem": "3x3"}',
        "whiten": 2,
        "epochs": 16,
        "batch_size": 512,
        "optimizer": "nesterov",
        "schedule": "one-cycle",
        "learning_rate": 0.2,
        "momentum": 0.85,
        "weight_decay": 5e-4,
        "label_smoothing": 0.2,
        "average": 0.99,
        "augment": ("flip", "reflect_crop=2"),
        "dtype": "bfloat16",
    },
    # Goyal et al. 2017, arXiv:1706.02677: 0.1 for each 256 images of a batch, 5 epochs of warmup,
    # divided by 10 after 30, 60 and 80 of 90 epochs, Nesterov's momentum 0.9, no decay of norms.
    # Images are stored with the center 256x256 of the resized picture, so random crops do not reach
    # its ends. Theirs start the last norm of each block at 0, and jitter colors.
    "resnet50_imagenet": {
        "dataset": "imagenet2012",
        "test_split": "validation",
        "size": 256,
        "model": "resnet50",
        "epochs": 90,
        "batch_size": 256,
        "optimizer": "nesterov",
        "schedule": "step",
        "drop_at": (1 / 3, 2 / 3, 8 / 9),
        "learning_rate": 0.1,
        "warmup": 5.0,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "augment": ("random_resized_crop=224", "flip"),
        "dtype": "bfloat16",
        "stream": True,
        "threads": 16,
    },
    **books.RECIPES,
}


def preset(name: str, **options: Any) -> Config:
    """The options of a recipe, and those that are given besides, which win.

    Raises:
        RunError: there is no such recipe, or an option is wrong.

    Example:
        >>> config = preset("resnet20_cifar10", epochs=3)
        >>> config.model, config.epochs, config.drop_at
        ('resnet20', 3, (0.5, 0.75))
        >>> preset("resnet20_cifar10", smoke=True).epochs is None
        True
    """
    with said_of(name="--preset"):
        arguments.one_of("name", name, RECIPES)
    left_out = NOT_IN_SMOKE if options.get("smoke") else ()
    recipe = {option: v for option, v in RECIPES[name].items() if option not in left_out}
    return Config(**{**recipe, **options})


def parse(description: str, words: Sequence[str] | None = None) -> Config:
    """Read a command line: `--preset` first, and then all others, with its options as defaults.

    Args:
        description: for ``--help``.
        words: of the command line; by default those that Python was given.

    Example:
        >>> parse("", ["--preset", "resnet20_cifar10", "--epochs", "3"]).epochs
        3
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset", nargs="?", const="")
    first.add_argument("--smoke", action="store_true")
    first.add_argument("--resume", action="store_true")
    given, _ = first.parse_known_args(words)
    knows = given.preset is None or not given.resume
    require("--preset", knows, "left out with `--resume`: the folder knows it", given.preset)
    rest = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    rest.add_argument("--preset", nargs="?")
    _, others = rest.parse_known_args(words)
    default = Config() if given.preset is None else preset(given.preset, smoke=given.smoke)
    description = f"{description}\n--preset NAME: one of {', '.join(RECIPES)}."
    return tyro.cli(Config, description=description, args=others, default=default)
