"""Load a network's weights from a file; after an error the network is unchanged."""

import os
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cnn_jax import arguments, files
from cnn_jax.files import Stored

from ._places import (
    SCHEMES,
    Place,
    best_scheme,
    dotted,
    left_out,
    of_today,
    places,
    value_of,
    variables,
    within,
)
from ._report import Report, listed

FLOATS = ("float64", "float32", "float16", "bfloat16")


def load_weights(
    model: nnx.Module,
    file: str | os.PathLike[str],
    *,
    names: str | None = None,
    skip: Sequence[str] = (),
    strict: bool = True,
) -> Report:
    """Load the weights in a file into a network.

    Everything is read and checked first, so after an error the network is unchanged.

    ```
    >>> import tempfile
    >>> from cnn_jax import models
    >>> model = models.lenet(rngs=nnx.Rngs(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     models.save_weights(model, f"{folder}/lenet.npz")
    ...     models.load_weights(model, f"{folder}/lenet.npz", skip=("logits",))
    lenet.npz, by cnn_jax's names: 8 of 10 arrays loaded
      2 skipped: logits.bias, logits.kernel

    ```

    Args:
        model: the network, changed in place. An abstract network, ``nnx.eval_shape(lambda:
            vgg16(rngs=nnx.Rngs(0)))``, saves the initialization; then every parameter must come
            from the file, and dropout's random streams get fixed keys (see `nnx.reseed`). For a
            network without a head (``num_classes=None``) the file may have one or not.
        file: ``.safetensors``, or ``.npz`` without pickles.
        names: whose names the file has: ``"cnn_jax"``, ``"torchvision"``, ``"timm"``; None takes
            those that fit best.
        skip: layers that keep their values, with the layers inside of them, by our name or the
            file's: ``("logits",)`` for another number of classes.
        strict: whether the file must hold all parameters and statistics of the network, in the
            right shapes, and nothing else. If not, what fits is loaded.

    Returns:
        The report: which arrays were loaded, missing, unexpected, of a wrong shape, skipped, or in
        the file for a head that the model does not have. PyTorch's ``num_batches_tracked`` does not
        count as unexpected.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if the file is of another kind, damaged, or does not fit; if an array that would
            be loaded holds NaN or infinity, or integers where the network has floats.
        FileNotFoundError: if the file does not exist.
    """
    if not isinstance(model, nnx.Module):
        raise TypeError(f"`model` must be a flax.nnx.Module; got {model!r}.")
    if (
        not isinstance(skip, Sequence)
        or isinstance(skip, str)
        or not all(isinstance(layer, str) for layer in skip)
    ):
        raise TypeError(f"`skip` must be a tuple of names of layers; got {arguments.shown(skip)}.")
    arguments.flag("strict", strict)
    if names is not None:
        arguments.one_of("names", names, SCHEMES)
    leaves = variables(model)
    with files.array_file(file) as found:
        path, stored = found.path, of_today(model, found.arrays)
        scheme = best_scheme(model, stored) if names is None else names
        wanted = places(model, scheme)
        report = compare(path.name, scheme, wanted, stored, skip, left_out(model, scheme))
        if strict and not report.fits:
            raise ValueError(
                f"`file` {path} does not fit the model, nothing was {advice(report, model)}"
            )
        check_abstract(leaves, report)
        loaded = set(report.loaded)
        arrays = read(path, [place for place in wanted if place.path in loaded], leaves, stored)
    update(model, arrays)
    return report


def compare(
    file: str,
    scheme: str,
    wanted: Sequence[Place],
    stored: Mapping[str, Stored],
    skip: Sequence[str],
    head: Sequence[str],
) -> Report:
    """Compare the file's arrays with the network's, by name and shape.

    Args:
        file: the name of the file.
        scheme: whose names it has.
        wanted: the network's arrays.
        stored: the file's arrays.
        skip: layers that keep their values.
        head: layers, by the file's names, that the network was made without.

    Raises:
        ValueError: if an entry of `skip` names nothing in the network or the file.
    """
    everything = [name for place in wanted for name in (place.path, place.name)] + list(stored)
    for layer in skip:
        if not any(within(name, (layer,)) for name in everything):
            tops = dict.fromkeys(place.path.split(".")[0] for place in wanted)
            text = f"`skip`: {layer!r} is no layer; the model's are {', '.join(tops)}."
            raise ValueError(text)
    skipped = [p for p in wanted if within(p.path, skip) or within(p.name, skip)]
    rest = [place for place in wanted if place not in skipped]
    found = [place for place in rest if place.name in stored]
    known = {place.name for place in wanted}
    return Report(
        file,
        scheme,
        loaded=tuple(p.path for p in found if stored[p.name].shape == p.theirs),
        missing=tuple(place.path for place in rest if place.name not in stored),
        unexpected=tuple(
            name
            for name in stored
            if name not in known
            and not within(name, (*skip, *head))
            and name.rpartition(".")[2] != "num_batches_tracked"
        ),
        wrong_shape=tuple(
            (p.path, p.theirs, stored[p.name].shape)
            for p in found
            if stored[p.name].shape != p.theirs
        ),
        skipped=tuple(place.path for place in skipped),
        left_out=tuple(name for name in stored if name not in known and within(name, head)),
        file_names={place.path: place.name for place in wanted},
    )


def advice(report: Report, model: nnx.Module) -> str:
    """The end of the error for a file that does not fit: the differences, and what to do."""
    head = getattr(type(model), "HEAD", ())
    lines = [f"loaded (by {report.names}'s names).", *report.differences()]
    if any(path.startswith("logits.") for path, *_ in report.wrong_shape):
        lines.append('For another number of classes: skip=("logits",).')
    if report.missing and all(within(path, head) for path in report.missing):
        lines.append(f"To keep the model's head: skip={head}.")
    if report.loaded:
        lines.append("To load what fits: strict=False.")
    else:
        lines.append("Nothing fits: is it the file of another model?")
    return "\n".join(lines)


def check_abstract(leaves: Mapping[str, nnx.Variable], report: Report) -> None:
    """Check that every variable without a value of its own gets one from the file.

    Raises:
        ValueError: if not.
    """
    abstract = [p for p, leaf in leaves.items() if is_abstract(leaf) and p not in report.loaded]
    if abstract:
        raise ValueError(
            "`model` is abstract, so every parameter must come from the file; nothing was loaded. "
            f"Not from {report.file}: {listed([report.both(path) for path in abstract])}. "
            "Make the model with values to keep some."
        )


def is_abstract(leaf: nnx.Variable) -> bool:
    """Whether a variable has only a shape and a dtype, no value."""
    return isinstance(value_of(leaf), jax.ShapeDtypeStruct)


def read(
    path: os.PathLike[str],
    wanted: Sequence[Place],
    leaves: Mapping[str, nnx.Variable],
    stored: Mapping[str, Stored],
) -> dict[str, np.ndarray]:
    """Read the arrays of these places: by path, in the network's layout and dtypes.

    Raises:
        ValueError: if they have other dtypes in the file, or hold NaN or infinity.
    """
    strange = [
        f"{place.name} ({stored[place.name].dtype})"
        for place in wanted
        if not converts(stored[place.name].dtype, leaves[place.path].dtype)
    ]
    if strange:
        text = f"`file` {path} holds no floats where the model has some, nothing was loaded:"
        raise ValueError(f"{text} {listed(strange)}.")
    arrays, broken = {}, []
    for place in wanted:
        moved = place.to_model(stored[place.name].read())
        with np.errstate(over="ignore"):  # it is infinite then, which is refused
            array = np.array(moved, dtype=leaves[place.path].dtype, order="C")
        if not np.isfinite(array).all():
            broken.append(place.name)
        arrays[place.path] = array
    if broken:
        text = f"`file` {path} holds NaN or infinity, nothing was loaded: {listed(broken)}."
        raise ValueError(text)
    return arrays


def converts(theirs: str, ours: np.dtype) -> bool:
    """Whether `theirs` may be read as `ours`: any float as any float, others only if equal."""
    return theirs in FLOATS if jnp.issubdtype(ours, jnp.floating) else theirs == ours.name


def update(model: nnx.Module, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays into the model's variables, and seed its abstract random streams."""
    flat = {}
    for number, (path, leaf) in enumerate(nnx.to_flat_state(nnx.state(model))):
        if not isinstance(leaf, nnx.Variable):
            continue
        value = value_of(leaf)
        if (name := dotted(path)) in arrays:
            new = jnp.array(arrays[name])
            if isinstance(value, jax.Array) and value.committed:
                new = jax.device_put(new, value.sharding)
            flat[path] = leaf.replace(new)
        elif isinstance(leaf, nnx.RngKey) and is_abstract(leaf):
            flat[path] = leaf.replace(jax.random.fold_in(jax.random.key(0), number))
        elif isinstance(leaf, nnx.RngCount) and is_abstract(leaf):
            flat[path] = leaf.replace(jnp.zeros(value.shape, value.dtype))
    nnx.update(model, nnx.from_flat_state(flat))
