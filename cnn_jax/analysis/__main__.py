"""Print the summary of a network, and draw the receptive field of one of its units.

    python -m cnn_jax.analysis resnet50 --input 224,224,3
    python -m cnn_jax.analysis my_package.my_module:my_network --input 64,64,3 --out results

It prints the table, and writes receptive_field.png and summary.html, a page with both.
"""

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from flax import nnx

from cnn_jax import files, models, pages
from cnn_jax.arguments import did_you_mean, shown

from . import plot_receptive_field, receptive_field, summarize


@dataclass(frozen=True)
class Config:
    """Which network to analyze, and where to write the results."""

    model: tyro.conf.Positional[str]
    """A constructor of `cnn_jax.models`, such as resnet50; or module:name, which names a
    constructor with an argument `rngs`, an NNX module, or a function."""
    input: Annotated[str, tyro.conf.arg(metavar="H,W,C")] = "224,224,3"
    """Lengths of the input's axes, channels last; a batch axis of length 1 is added in front."""
    out: Path = Path(".")
    """The folder to write to."""
    unit: Annotated[str | None, tyro.conf.arg(metavar="ROW,COLUMN")] = None
    """The unit whose receptive field is drawn, by its spatial index; the middle one by default."""
    output: str | None = None
    """The stage of that unit, such as stage3; by default the last one with spatial axes."""


def main(config: Config) -> list[Path]:
    """Print the table and write the files.

    Returns:
        The files that were written.

    Raises:
        ValueError: if the model or the input cannot be understood.
    """
    shape = numbers("input", config.input)
    f = network(config.model, shape)
    with said_of(shape):
        summary = summarize(f, (1, *shape))
    ours = ":" not in config.model  # our networks keep the batch axis
    if ours and all(len(output.shape) < 2 for output in summary.outputs.values()):
        raise ValueError(
            f"`input` must have all axes of one input, channels last, such as 224,224,3 for an "
            f"image: with {config.input} the batch axis in front was taken for one of them."
        )
    config.out.mkdir(parents=True, exist_ok=True)
    title = f"{config.model}, input {'x'.join(map(str, shape))}"
    parts = [summary.to_html()]
    page, picture = config.out / "summary.html", config.out / "receptive_field.png"
    stages = getattr(f, "feature_maps", f)
    moving = [
        path
        for path, output in summarize(stages, (1, *shape)).outputs.items()
        if any(seen.stride is not None for seen in output.field)
    ]
    output = config.output if config.output is not None else moving[-1] if moving else None
    if output is None:
        said = "No unit of the outputs lies in space: there is no receptive field to draw."
    else:
        unit = None if config.unit is None else numbers("unit", config.unit, least=0)
        field = receptive_field(stages, (1, *shape), unit=unit, output=output)
        plot_receptive_field(field, path=picture)
        parts.append(pages.figure(picture, f"What unit {field.unit} of {output or 'it'} sees."))
        said = f"wrote {page} and {picture} (of {output or 'the output'})"
    # Write before printing: the reader of a pipe, such as `head`, may close it early.
    files.replace(page, pages.page(title, parts))
    print(summary)
    print(said)
    return [page] if output is None else [page, picture]


def network(name: str, shape: tuple[int, ...]) -> Callable:
    """Find the network `name`, in eval mode. A constructor is called for shapes only, no arrays."""
    thing = found(name)
    with said_of(shape):
        return constructed(name, thing, shape)


def found(name: str) -> Callable:
    """What `name` names: a constructor of `cnn_jax.models`, or what module:name is.

    Raises:
        ValueError: if there is no such thing, or it cannot be called.
    """
    if ":" in name:
        module, _, attribute = name.partition(":")
        thing: Any = imported(module, attribute)
    else:
        constructors = known()
        if name not in constructors:
            hint = did_you_mean(name, constructors)
            some = (
                "a constructor of `cnn_jax.models`" if hint else f"one of {', '.join(constructors)}"
            )
            raise ValueError(f"`model` must be module:name or {some}; got {name!r}.{hint}")
        thing = constructors[name]
    if not callable(thing):
        raise ValueError(
            f"`model` {name} must be a constructor, an NNX module or a function; it is "
            f"{shown(thing)}."
        )
    return thing


def constructed(name: str, thing: Callable, shape: tuple[int, ...]) -> Callable:
    """What `found` returned, in eval mode; a constructor with `rngs` is called, for shapes only.

    Args:
        name: of the network.
        thing: what it names.
        shape: of an input, channels last, without its batch axis.
    """
    if not isinstance(thing, nnx.Module) and "rngs" in options_of(thing):
        thing = made(name, thing, shape)
    if isinstance(thing, nnx.Module):
        thing.eval()
    return thing


def imported(module: str, attribute: str) -> Any:
    """Import `attribute` from `module`, which may lie in the current folder."""
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"`model` {module}:{attribute} cannot be imported: {error}.") from error


def known() -> dict[str, Callable]:
    """The constructors of `cnn_jax.models` whose only required argument is `rngs`."""
    found = {}
    for name, thing in vars(models).items():
        if name.startswith("_") or inspect.isclass(thing) or not callable(thing):
            continue
        parameters = options_of(thing).values()
        if [p.name for p in parameters if p.default is p.empty] == ["rngs"]:
            found[name] = thing
    return dict(sorted(found.items()))


@contextmanager
def said_of(shape: tuple[int, ...]) -> Iterator[None]:
    """Add the option `--input` to the text of any error about an input of this shape."""
    try:
        yield
    except ValueError as error:
        given = ",".join(map(str, shape))
        raise ValueError(f"{error} That was with --input {given}; give another.") from error


def made(name: str, constructor: Callable, shape: tuple[int, ...]) -> nnx.Module:
    """Make a module with shapes in place of arrays, for inputs of this shape."""
    parameters, options = options_of(constructor), {}
    wanted = [
        f"`{p.name}`"
        for p in parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        if p.name not in ("rngs", "in_channels", "input_size")
    ]
    if wanted:
        raise ValueError(
            f"`model` {name} must need no more than `rngs`, `in_channels` and `input_size`; it "
            f"needs {', '.join(wanted)}: name a function that gives them."
        )
    if "in_channels" in parameters:
        options["in_channels"] = shape[-1]
    if "input_size" in parameters:
        spatial = shape[:-1]
        one = parameters["input_size"].annotation in (int, "int")
        options["input_size"] = spatial[0] if one else spatial
    return nnx.eval_shape(lambda: constructor(**options, rngs=nnx.Rngs(0)))


def options_of(thing: Callable) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function, or of a class's constructor."""
    if not inspect.isclass(thing):
        return inspect.signature(thing).parameters
    _itself, *rest = inspect.signature(thing.__init__).parameters.items()
    return dict(rest)


def numbers(name: str, text: str, least: int = 1) -> tuple[int, ...]:
    """Parse ints from a text such as ``224,224,3``, each at least `least`."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) >= least for part in parts):
        raise ValueError(
            f"`{name}` must be ints from {least} on with commas between, such as 224,224,3; "
            f"got {text!r}."
        )
    return tuple(map(int, parts))


if __name__ == "__main__":
    config = tyro.cli(Config, description=__doc__)
    try:
        main(config)
        sys.stdout.flush()
    except ValueError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    except BrokenPipeError:  # the reader, such as `head`, is gone; all files are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
