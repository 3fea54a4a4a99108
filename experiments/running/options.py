"""The options that experiments share, checks of options, and the error for a wrong one."""

import math
import os
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cnn_jax import arguments
from cnn_jax import functional as F


@dataclass(frozen=True)
class Hosts:
    """The options of a run on several hosts: each starts the same command with its own number."""

    coordinator: str | None = None
    """HOST:PORT of the first process, if several processes train; or `auto`, on a TPU pod."""
    processes: int | None = None
    """How many processes there are."""
    process: int | None = None
    """Which one this is, from 0; the first one prints and writes."""


@dataclass(frozen=True)
class Training(Hosts):
    """The options of every command that trains a network; one may give them other defaults."""

    epochs: int | None = None
    """Passes over the training data; by default what is written above, or 2 with --smoke."""
    batch_size: int = 32
    """Examples in one training step."""
    learning_rate: float = 1e-3
    """The peak of a one-cycle schedule."""
    seed: int = 0
    """Decides the initialization and all that is drawn in training; held-out data never change."""
    algorithm: Literal["auto", "xla", "vmap"] = "auto"
    """The algorithm of convolution and pooling."""
    devices: int | None = None
    """How many devices share each batch; by default all that JAX finds."""
    workdir: Path | None = None
    """Write straight into this folder; by default runs/<command>/<time>."""
    resume: bool = False
    """Continue the run that is in `workdir`, with the options it was started with, to the same bits
    as if it had not stopped."""
    smoke: bool = False
    """A few steps on few examples: to see that everything works."""

    def __post_init__(self):
        require_types(self)
        rate = self.learning_rate
        require("--epochs", 0 <= (self.epochs or 0) <= 10**5, "in [0, 100000]", self.epochs)
        require("--batch-size", 1 <= self.batch_size <= 2**16, "in [1, 65536]", self.batch_size)
        require("--learning-rate", 0 < rate < math.inf, "positive and finite", rate)
        require("--seed", 0 <= self.seed < 2**32, "in [0, 2**32)", self.seed)

    def epochs_of(self, usual: int) -> int:
        """How many epochs are to be trained, if it is usually so many."""
        return self.epochs if self.epochs is not None else 2 if self.smoke else usual


@dataclass(frozen=True)
class OnSets(Training):
    """The options of a command that can train on a real set instead of what is made."""

    data: str | None = None
    """A set that TFDS has prepared, by its name, instead of what is made here."""
    folder: Path | None = None
    """Where the sets are that TFDS has prepared; by default where TFDS keeps them."""
    test_split: str | None = None
    """The split of `--data` that is held out; by default validation, or test if there is none."""

    def __post_init__(self):
        super().__post_init__()
        if self.data is None:
            require_left_out(self, "without `--data`", "folder", "test_split")
        else:
            of_scenes = {"dataset", "objects"} & {field.name for field in fields(self)}
            require_left_out(self, "with `--data`", *sorted(of_scenes))


class RunError(ValueError):
    """A run cannot start as it was asked to; the message says what to do."""


def option(name: str) -> str:
    """A field's name on the command line: `batch_size` is ``--batch-size``."""
    return "--" + name.replace("_", "-")


def require(option: str, holds: bool, rule: str, value: object) -> None:
    """Raise RunError unless an option's rule holds."""
    if not holds:
        raise RunError(f"`{option}` must be {rule}; got {value}.")


def require_weight_decay(decay: float) -> None:
    """Raise RunError unless weights can decay so."""
    require("--weight-decay", 0 <= decay < math.inf, "at least 0 and finite", decay)


def require_left_out(config: Any, when: str, *names: str) -> None:
    """Raise RunError unless these fields of a dataclass have their defaults."""
    for field in fields(config):
        if field.name in names:
            value = getattr(config, field.name)
            require(option(field.name), value == field.default, f"left out {when}", value)


def require_types(config: Any) -> None:
    """Raise RunError unless the type of each field of a dataclass is that of its annotation.

    The command line always gives right types; a notebook or a file may not.
    """
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        require(option(name), _fits(value, hint), _described(hint), arguments.shown(value))


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return any(type(value) is type(known) and value == known for known in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(v, get_args(hint)[0]) for v in value)
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, {float: float | int, Path: str | os.PathLike}.get(hint, hint))


def _described(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(map(_described, get_args(hint)))
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(repr, get_args(hint)))}"
    if get_origin(hint) is tuple:
        return f"a tuple, each entry {_described(get_args(hint)[0])}"
    words = {int: "an int", float: "a number", bool: "True or False", str: "a text", Path: "a path"}
    return "None" if hint is types.NoneType else words[hint]


@contextmanager
def said_of(**options: str) -> Iterator[None]:
    """Raise what the library finds wrong as a RunError that names the options of the command.

    Args:
        options: the command's option by the name of the library's argument.

    Example:
        >>> with said_of(decay="--average"):
        ...     arguments.number("decay", 2, at_least=0, below=1)
        Traceback (most recent call last):
        experiments.running.options.RunError: `--average` must be a number in [0, 1); got 2.
    """
    try:
        yield
    except RunError:
        raise
    except (ValueError, TypeError, FileNotFoundError, ConnectionError) as error:
        text = str(error).replace("\n", " ")
        for argument, name in options.items():
            text = text.replace(f"`{argument}`", f"`{name}`")
        if not any(f"`{name}`" in text for name in options.values()):
            text = f"`{next(iter(options.values()))}`: {text}"
        raise RunError(text) from error


def require_algorithm(name: str) -> None:
    """Raise RunError unless there is an algorithm of this name."""
    with said_of(algorithm="--algorithm"), F.using(algorithm=name):
        pass
