"""Print the summary of a network, and draw the receptive field of one of its units.

    python -m cnn_jax.analysis resnet50 --input 224,224,3
    python -m cnn_jax.analysis my_package.my_module:my_network --input 64,64,3 --out results
    python -m cnn_jax.analysis lenet --input 28,28,1 --weights runs/lenet

It prints the table, and writes receptive_field.png and summary.html, a page with both. With weights
also, and on the page too:

    effective_field.png       how much that unit depends on each place of the input
    equivariance.png          how far outputs for shifted inputs are from shifted outputs
    invariance_by_layer.png   how much each layer changes when a photo moves
    gradient_norms.png        how large the gradient by each layer's parameters is
    kernels.png               the weights of the first convolution
    feature_maps_LAYER.png    what layers make of the photo, of signals as curves

The photo is `cnn_jax.analysis.photo`, or --image, with mean 0 and deviation 1; a signal is a line
of it. Gradients are for --image, or for random inputs without it: of the cross entropy of the class
that comes second, or of half the sum of squares of outputs that are no logits (batch, classes).
"""

import importlib
import inspect
import json
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
from ._measured import Asked, measurements, read


@dataclass(frozen=True)
class Config:
    """Which network to analyze, and where to write the results."""

    model: tyro.conf.Positional[str] = ""
    """A constructor of `cnn_jax.models`, such as resnet50; or module:name, which names a
    constructor with an argument `rngs`, an NNX module, or a function. May be left out where the
    metadata of the weights names it: `model`, and in `model_options` its options as JSON."""
    input: Annotated[str, tyro.conf.arg(metavar="H,W,C")] = "224,224,3"
    """Lengths of the input's axes, channels last; a batch axis of length 1 is added in front."""
    out: Path = Path(".")
    """The folder to write to."""
    unit: Annotated[str | None, tyro.conf.arg(metavar="ROW,COLUMN")] = None
    """The unit whose receptive field is drawn, by its spatial index; the middle one by default."""
    output: str | None = None
    """The stage of that unit, such as stage3; by default the last one with spatial axes."""
    weights: Path | None = None
    """The weights: a file for `models.load_weights`, or a run's folder with weights.safetensors."""
    image: Path | None = None
    """A file with an image to show to the network, in place of the photo."""


def main(config: Config) -> list[Path]:
    """Print the table and write the files.

    Returns:
        The files that were written.

    Raises:
        ValueError: if the model or the input cannot be understood, or the weights do not fit.
    """
    shape = numbers("input", config.input)
    name, weights = config.model, None
    if config.weights is None:
        f = network(name, shape)
    else:
        weights = file_of(config.weights)
        name, f = loaded(weights, name, shape)
    with said_of(shape):
        summary = summarize(f, (1, *shape))
    ours = ":" not in name  # our networks keep the batch axis
    if ours and all(len(output.shape) < 2 for output in summary.outputs.values()):
        raise ValueError(
            f"`input` must have all axes of one input, channels last, such as 224,224,3 for an "
            f"image: with {config.input} the batch axis in front was taken for one of them."
        )
    config.out.mkdir(parents=True, exist_ok=True)
    title = f"{name}, input {'x'.join(map(str, shape))}"
    title += "" if weights is None else f", weights {weights}"
    parts = [summary.to_html()]
    page, picture = config.out / "summary.html", config.out / "receptive_field.png"
    stages = getattr(f, "feature_maps", f)
    moving = [
        path
        for path, output in summarize(stages, (1, *shape)).outputs.items()
        if any(seen.stride is not None for seen in output.field)
    ]
    output = config.output if config.output is not None else moving[-1] if moving else None
    written, measured, unit = [page], [], None
    if output is None:
        said = "No unit of the outputs lies in space: there is no receptive field to draw."
    else:
        unit = None if config.unit is None else numbers("unit", config.unit, least=0)
        field = receptive_field(stages, (1, *shape), unit=unit, output=output)
        plot_receptive_field(field, path=picture)
        parts.append(
            pages.figure(picture, f"What unit {field.unit} of {output or 'the output'} sees.")
        )
        written.append(picture)
        unit, said = field.unit, f"The unit is of {output or 'the output'}."
    if weights is not None and isinstance(f, nnx.Module):
        image = None if config.image is None else read(config.image)
        for path, text in measurements(Asked(f, shape, unit, output, image, config.out)):
            measured.append(text)
            if path is not None:
                parts.append(pages.figure(path, text))
                written.append(path)
    said += f" Wrote {', '.join(map(str, written))}."
    # Write before printing: the reader of a pipe, such as `head`, may close it early.
    files.replace(page, pages.page(title, parts))
    print(summary, *measured, said, sep="\n")
    return written


def file_of(weights: Path) -> Path:
    """The file of weights: itself, or the one in a run's folder."""
    file = weights / "weights.safetensors" if weights.is_dir() else weights
    if not file.exists():
        raise ValueError(f"`weights` {file} does not exist.")
    return file


def described(file: Path, name: str) -> tuple[str, dict[str, Any]]:
    """The name of the network and its options, by the metadata of a file of weights.

    Options count only if `name` is the network there, or empty.

    Raises:
        ValueError: if the file cannot be read, or there is no name at all.
    """
    with said_of_weights(), files.array_file(file) as found:
        metadata = found.metadata
    theirs = metadata.get("model", "")
    if not (name or theirs):
        raise ValueError(f"`model` must be given: `weights` {file} does not name one.")
    if name not in ("", theirs):
        return name, {}
    if theirs not in known():
        raise ValueError(f"`weights` {file} are of {theirs!r}, which is not in `cnn_jax.models`.")
    try:
        options = json.loads(metadata.get("model_options", "{}"))
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict) or not options.keys() < options_of(known()[theirs]).keys():
        raise ValueError(f"`weights` {file} have no options of {theirs} in their `model_options`.")
    return theirs, options


def loaded(file: Path, name: str, shape: tuple[int, ...]) -> tuple[str, nnx.Module]:
    """The name of a network, which may be given as empty, and the network with its weights.

    Raises:
        ValueError: if there is no such network, it is a mere function, or the weights do not fit.
    """
    name, options = described(file, name)
    try:
        f = network(name, shape, options)
    except TypeError as error:
        if not options:
            raise
        raise ValueError(f"`weights` {file}, its `model_options`: {error}") from error
    if not isinstance(f, nnx.Module):
        raise ValueError(f"`weights` {file} need an NNX module; `model` is {shown(f)}.")
    with said_of_weights():
        models.load_weights(f, file)
    return name, f


@contextmanager
def said_of_weights() -> Iterator[None]:
    """Put any error about a file of weights into one line, without advice for another call."""
    try:
        yield
    except (ValueError, OSError) as error:
        first, *rest = str(error).splitlines()
        which = "; ".join(line.strip() for line in rest if line.startswith("  "))
        text = f"{first.removesuffix('.')}: {which}." if which else first
        raise ValueError(text.replace("`file`", "`weights`", 1)) from error


def network(name: str, shape: tuple[int, ...], options: Mapping[str, Any] = {}) -> Callable:
    """Find the network `name`, in eval mode. A constructor is called for shapes only, no arrays."""
    thing = found(name)
    with said_of(shape):
        return constructed(name, thing, shape, options)


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


def constructed(
    name: str,
    thing: Callable,
    shape: tuple[int, ...],
    options: Mapping[str, Any] = {},
) -> Callable:
    """What `found` returned, in eval mode; a constructor with `rngs` is called, for shapes only.

    Args:
        name: of the network.
        thing: what it names.
        shape: of an input, channels last, without its batch axis.
        options: for a constructor, instead of its defaults and of what follows from `shape`.
    """
    if not isinstance(thing, nnx.Module) and "rngs" in options_of(thing):
        thing = made(name, thing, shape, options)
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


def made(
    name: str, constructor: Callable, shape: tuple[int, ...], given: Mapping[str, Any]
) -> nnx.Module:
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
    options |= given
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
