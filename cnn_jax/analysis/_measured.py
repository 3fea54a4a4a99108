"""What the command measures of a network with weights: for each question a picture and a line.

One function for each question, listed in `QUESTIONS`; it yields nothing where it does not apply.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from PIL import Image, UnidentifiedImageError

from .plots import (
    photo,
    plot_effective_field,
    plot_equivariance,
    plot_feature_maps,
    plot_gradient_norms,
    plot_invariance_by_layer,
    plot_kernels,
)
from .probes import (
    effective_receptive_field,
    equivariance,
    gradient_norms,
    invariance_by_layer,
    trace_features,
)
from .summary import Summary, summarize

SAMPLES = 16  # random inputs; with 64 the width of LeNet's and ResNet-20's fields changes by < 2 %
BATCH = 8  # random inputs for gradients: norms differ by 10 to 20 % from those with 64
FARTHEST = 8  # elements by which the photo moves
MOST_STAGES = 8  # of which the feature maps are drawn


@dataclass(frozen=True)
class Asked:
    """What is asked about.

    Args:
        network: with its weights.
        shape: of an input, (*spatial, channels).
        unit: of the output, by its index; None if no output has spatial axes.
        output: the path of a stage with spatial axes; None if there is none.
        image: (height, width, 3) to show to the network, of values from 0 to 1; None is `photo`.
        out: the folder for the pictures.
    """

    network: nnx.Module
    shape: tuple[int, ...]
    unit: tuple[int, ...] | None
    output: str | None
    image: np.ndarray | None
    out: Path

    @property
    def stages(self) -> Callable:
        """The network, such that it returns what its stages make, if it can."""
        return getattr(self.network, "feature_maps", self.network)

    @cached_property
    def summary(self) -> Summary:
        """Its layers, and the stages as outputs."""
        return summarize(self.stages, (1, *self.shape))

    def layers(self, x: jax.Array) -> dict[str, jax.Array]:
        """What the stages make of `x`; of a network without stages, what all its layers make."""
        if hasattr(self.network, "feature_maps"):
            return self.stages(x)
        return trace_features(self.network, x)

    @property
    def named(self) -> str:
        """The output in words."""
        return self.output or "the output"


Answer = tuple[Path | None, str]


def measurements(asked: Asked) -> Iterator[Answer]:
    """Ask all questions: for each answer the file of its picture, and a line about it."""
    for question in QUESTIONS:
        yield from question(asked)


def effective_field(asked: Asked) -> Iterator[Answer]:
    """How much the unit depends on each place of the input."""
    if asked.output is None:
        return
    field = effective_receptive_field(
        asked.stages,
        (1, *asked.shape),
        key=jax.random.key(0),
        samples=SAMPLES,
        unit=asked.unit,
        output=asked.output,
    )
    [seen] = field.inputs
    if not seen.support.any():
        yield None, f"Unit {asked.unit} of {asked.named} does not depend on the input."
        return
    picture = asked.out / "effective_field.png"
    plot_effective_field(field, path=picture)
    width = " x ".join(f"{width:.2f}" for width in seen.width)
    which = f"unit {asked.unit} of {asked.named}"
    yield picture, f"The effective field of {which} has standard deviation {width}."


def equivariance_of_the_output(asked: Asked) -> Iterator[Answer]:
    """How far the outputs for shifted inputs are from shifted outputs."""
    if asked.output is None:
        return
    strides = [seen.stride for seen in asked.summary.outputs[asked.output].field]
    stride = math.ceil(max((s for s in strides if s is not None), default=0))
    if not stride:
        return
    shifts = range(0, 2 * stride + 1, max(1, stride // 4))
    x = normal(1, *asked.shape)
    try:
        found = equivariance(asked.stages, x, shifts, boundary="circular", output=asked.output)
    except ValueError:  # along some path the places are not kept
        return
    picture = asked.out / "equivariance.png"
    plot_equivariance(found, path=picture)
    errors = ", ".join(f"{e:.3f} at {shift}" for shift, e in zip(shifts, found.errors))
    yield picture, f"The error of {asked.named} for an input rolled along its axes: {errors}."


def invariance_of_layers(asked: Asked) -> Iterator[Answer]:
    """How much each layer changes when the photo moves along its last axis."""
    *others, length, channels = asked.shape
    far = min(FARTHEST, length // 4)
    if not far:
        return
    x = example((*others, length + 2 * far, channels), asked.image)
    found = invariance_by_layer(
        asked.layers,
        x,
        range(far + 1),
        boundary="crop",
        size=(length,),
        axes=(len(asked.shape) - 1,),
    )
    picture = asked.out / "invariance_by_layer.png"
    plot_invariance_by_layer(found, path=picture)
    changes = ", ".join(
        f"{layer or 'the output'} {change:.2f}"
        for layer, change in zip(found.layers, found.changes[:, -1])
    )
    yield picture, f"The photo moved by {far} changes the layers by: {changes}."


def normal(*shape: int) -> jax.Array:
    """Random inputs, drawn along one axis, which compiles faster than along several."""
    return jax.random.normal(jax.random.key(0), (math.prod(shape),)).reshape(shape)


def gradients_of_layers(asked: Asked) -> Iterator[Answer]:
    """How large the gradient of a loss without labels is by the parameters of each layer."""
    if not asked.summary.parameters:
        return
    if asked.image is None:
        x, shown = normal(BATCH, *asked.shape), f"{BATCH} random inputs"
    else:
        x, shown = example(asked.shape, asked.image), "the image"
    name, output = list(asked.summary.outputs.items())[-1]
    if name in ("", "logits") and len(output.shape) == 2 and output.shape[1] > 1:
        loss = cross_entropy_of_the_second
        said = (
            "the cross entropy of the class that comes second, whose gradient is large however "
            "sure the network is"
        )
    else:
        loss, said = half_of_squares, "half the sum of squares of the outputs, which are no logits"
    found = gradient_norms(asked.network, x, loss=loss)
    reached = np.flatnonzero(found.norms)
    if not len(reached):
        yield None, f"The gradient is 0 in all layers, for {shown}. The loss is {said}."
        return
    picture = asked.out / "gradient_norms.png"
    plot_gradient_norms(found, path=picture)
    order = reached[np.argsort(found.norms[reached], kind="stable")]
    places = {"first": reached[0], "last": reached[-1], "least": order[0], "most": order[-1]}
    norms = ", ".join(f"{w} {found.norms[i]:.3g} ({found.layers[i]})" for w, i in places.items())
    idle = len(found.layers) - len(reached)
    norms += f", and 0 in {idle} more" if idle else ""
    yield picture, f"The norm of the gradient by layers, for {shown}: {norms}. The loss is {said}."


def cross_entropy_of_the_second(logits: jax.Array) -> jax.Array:
    """The mean cross entropy of (n, classes) where the second likeliest class is taken for true.

    Its gradient by the logits is p - 1 < -1/2 at that class, so it never vanishes; that of the
    likeliest class does where the network is sure, and that of equal probabilities where all are.
    """
    logits = logits.astype(jnp.float32)
    second = jax.lax.top_k(logits, 2)[0][:, 1]
    return (jax.nn.logsumexp(logits, axis=-1) - second).mean()


def half_of_squares(outputs: Any) -> jax.Array:
    """Half the sum of squares of all floats that a network returns, on average over the inputs."""
    squares = [
        (y.astype(jnp.float32) ** 2).sum() / (2 * len(y) if y.ndim else 2)
        for y in jax.tree.leaves(outputs)
        if jnp.issubdtype(y.dtype, jnp.floating)
    ]
    return jnp.asarray(sum(squares), jnp.float32)


def first_kernels(asked: Asked) -> Iterator[Answer]:
    """The weights of the first convolution."""
    parameters = {
        ".".join(map(str, path)): value[...]
        for path, value in nnx.to_flat_state(nnx.state(asked.network, nnx.Param))
    }
    for row in asked.summary.rows:
        for path, value in parameters.items():
            its = path.startswith(f"{row.name}.") and value.ndim == len(row.window) + 2
            if row.window and its:
                picture = asked.out / "kernels.png"
                plot_kernels(in_the_plane(value, value.ndim - 2), path=picture)
                size = "x".join(map(str, value.shape))
                cut = ", the middle slice" if value.ndim > 4 else ""
                yield picture, f"The kernels of {row.name}, {size}{cut}."
                return


def feature_maps(asked: Asked) -> Iterator[Answer]:
    """The photo, and what stages with spatial axes make of it."""
    spatial, x = len(asked.shape) - 1, example(asked.shape, asked.image)
    made = {
        name: maps
        for name, maps in {"the input": x, **asked.layers(x)}.items()
        if maps.ndim == spatial + 2 and math.prod(maps.shape[1:-1]) > 1
    }
    names, cut = list(made), ", the middle slice" if spatial > 2 else ""
    chosen = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_STAGES)).round())
    for name in (names[int(i)] for i in chosen):
        file = "".join(letter if letter.isalnum() else "_" for letter in name)
        picture = asked.out / f"feature_maps_{file or 'output'}.png"
        maps = in_the_plane(made[name][0], spatial)
        plot_feature_maps(maps, spatial=min(spatial, 2), path=picture)
        size = "x".join(map(str, made[name].shape[1:]))
        yield picture, f"The channels of {name or 'the output'} for the photo, {size}{cut}."


QUESTIONS = (
    effective_field,
    equivariance_of_the_output,
    invariance_of_layers,
    gradients_of_layers,
    first_kernels,
    feature_maps,
)


def in_the_plane(array: Any, spatial: int) -> Any:
    """The middle of the leading spatial axes of (*spatial, ...), so that at most two are left."""
    for _ in range(spatial - 2):
        array = array[len(array) // 2]
    return array


def example(shape: tuple[int, ...], image: np.ndarray | None = None) -> jax.Array:
    """The photo as a network of inputs of `shape`, (*spatial, channels), is given it.

    Returns:
        (1, *shape) with mean 0 and deviation 1: of a signal a line of the photo, or as many lines
        as channels; of a clip the photo in every frame.
    """
    *leading, width, channels = shape
    image = photo() if image is None else image
    gray = image.mean(-1, keepdims=True)
    if not leading:
        x = resized(gray, channels, width)[..., 0].T
    else:
        colored = image if channels == 3 else np.repeat(gray, channels, -1)
        x = np.broadcast_to(resized(colored, leading[-1], width), shape)
    x = (x - x.mean()) / max(float(x.std()), 1e-6)
    return jnp.asarray(x[None], jnp.float32)


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image (height, width, channels) of another size."""
    channels = [
        Image.fromarray(image[..., channel]).resize((width, height), Image.Resampling.BILINEAR)
        for channel in range(image.shape[-1])
    ]
    return np.stack([np.asarray(channel) for channel in channels], -1)


def read(file: Path) -> np.ndarray:
    """Read an image file: (height, width, 3) of float32 from 0 to 1.

    Raises:
        ValueError: if there is none, or it is no image.
    """
    try:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"), np.float32) / 255
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"`image` {file} cannot be read: {error}.") from error
