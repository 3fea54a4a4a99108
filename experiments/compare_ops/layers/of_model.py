"""The layers of any network: `layers_of` finds its convolutions and pools by `cnn_jax.analysis`."""

from collections.abc import Sequence
from dataclasses import astuple, replace

from cnn_jax.analysis.__main__ import constructed, found, numbers
from cnn_jax.analysis.program import Step, trace
from cnn_jax.analysis.rules import walk, window_of
from cnn_jax.analysis.summary import Layers, names_of
from cnn_jax.geometry import Window
from experiments.compare_ops.layers.layer import DTYPES, Layer
from experiments.running.options import RunError

REDUCTIONS = {
    "reduce_window_max": "max_pool",
    "reduce_window_min": "min_pool",
    "reduce_window_sum": "sum_pool",
}


def layers_of(model: str, given: str) -> list[Layer]:
    """The convolutions and pools of a network, each different one once, in the order they run.

    Args:
        model: a constructor of `cnn_jax.models`, or ``module:name``, which names a constructor with
            an argument `rngs`, an NNX module, or a function of images.
        given: the input's shape as a text, with its batch axis, such as ``"4,224,224,3"``.

    Raises:
        RunError: if there is no such network, it does not take this input, or it has no layers that
            can be compared.
    """
    try:
        shape = numbers("input", given)
        network = found(model)
        network = constructed(model, network, shape[1:])
        program = trace(network, shape)
        flat = all(len(value.shape) < 2 for value in program.outputs.values())
        if ":" not in model and flat:  # our networks keep the batch axis
            raise ValueError("`input` must have all axes: images, height, width, channels.")
    except (ImportError, TypeError, ValueError) as error:
        raise RunError(f"`--model` {model} with `--input` {given}: {error}") from error
    drafts = Layers(program, walk(program))
    layers: dict[Layer, list[str]] = {}
    for draft, name in zip(drafts.rows, names_of(drafts)):
        layer = of_step(draft.step, draft.operation, model)
        if layer is not None:
            layers.setdefault(layer, []).append(name)
    if not layers:
        others = ", ".join(dict.fromkeys(d.operation for d in drafts.rows if d.operation))
        has = f"it has {others}" if others else "it has no layers"
        raise RunError(f"`--model` {model} must have a convolution or a pool of floats; {has}.")
    return [replace(layer, name=shown(names)) for layer, names in layers.items()]


def shown(names: Sequence[str]) -> str:
    """The first name, and how many layers are the same."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} like it"


def of_step(step: Step, operation: str, network: str) -> Layer | None:
    """The layer that a step of a program is; None if it is none that is compared."""
    dtype = str(step.inputs[0].dtype)
    if dtype not in DTYPES:
        return None
    if step.primitive == "conv_general_dilated":
        return _convolution(step, dtype, network)
    if step.primitive in REDUCTIONS and operation:
        return _pool(step, operation, dtype, network)
    return None


def _convolution(step: Step, dtype: str, network: str) -> Layer | None:
    """A convolution, with the axes in our order; None if its batch is grouped."""
    numbers, window = step.params["dimension_numbers"], window_of(step)
    if step.params["batch_group_count"] > 1:
        return None
    n, c, *spatial = numbers.lhs_spec
    o, i, *taps = numbers.rhs_spec
    x, kernel = (
        tuple(operand.shape[axis] for axis in axes)
        for operand, axes in zip(step.inputs, ((n, *spatial, c), (*taps, i, o)))
    )
    groups = step.params["feature_group_count"]
    return _layer(network, "conv", x, kernel, window, groups, dtype)


def _pool(step: Step, operation: str, dtype: str, network: str) -> Layer | None:
    """A pool, with its channels last; None if it slides along the first axis, or along all."""
    window, shape = window_of(step), step.inputs[0].shape
    still = [axis == (1, 1, (0, 0), 1, 1) for axis in zip(*astuple(window))]
    if not still[0] or not any(still[1:]):
        return None
    last = len(still) - 1
    channels = last if still[last] else still.index(True, 1)
    spatial = [axis for axis in range(1, len(shape)) if axis != channels]
    x = tuple(shape[axis] for axis in (0, *spatial, channels))
    window = Window(*(tuple(entries[axis] for axis in spatial) for entries in astuple(window)))
    kind = "avg_pool" if "avg" in operation else REDUCTIONS[step.primitive]
    return _layer(network, kind, x, None, window, 1, dtype)


def _layer(
    network: str,
    operation: str,
    x: tuple[int, ...],
    kernel: tuple[int, ...] | None,
    window: Window,
    groups: int,
    dtype: str,
) -> Layer:
    return Layer(
        network,
        "",
        operation,
        x,
        window.size,
        kernel,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        input_dilation=window.base_dilation,
        groups=groups,
        dtype=dtype,
    )
