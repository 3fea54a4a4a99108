"""`decode`: the likeliest class of each pixel; and the checks of what a network says."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments


def decode(outputs: ArrayLike) -> dict[str, jax.Array]:
    """Return what the network says: `label` and `probability`, (n, height, width) each.

    Args:
        outputs: (n, height, width, classes).

    Returns:
        The likeliest class of each pixel, int32, and its probability, float32.

    Raises:
        ValueError: the outputs have another shape.

    Example:
        >>> {name: x.tolist() for name, x in decode(jnp.array([[[[0.0, 9], [0, 0]]]])).items()}
        {'label': [[[1, 0]]], 'probability': [[[0.9998766183853149, 0.5]]]}
    """
    logits = _logits(outputs)
    likely = jax.nn.softmax(logits).max(-1)
    return {"label": jnp.argmax(logits, -1).astype(jnp.int32), "probability": likely}


def check_ignore(ignore: int | None) -> None:
    if ignore is not None:
        arguments.integer("ignore", ignore)


def pixels(
    outputs: ArrayLike, batch: Mapping[str, ArrayLike], ignore: int | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Logits in float32, labels, and which pixels count."""
    logits, label = _logits(outputs), jnp.asarray(batch["label"])
    if label.shape != logits.shape[:-1]:
        raise ValueError(
            f"`label` must be a class for each pixel of `outputs`, {logits.shape[:-1]}; got "
            f"{label.shape}."
        )
    if not jnp.issubdtype(label.dtype, jnp.integer):
        raise TypeError(f"`label` must hold integers; got {label.dtype}.")
    label = label.astype(jnp.int32)
    counts = (label >= 0) & (label < logits.shape[-1])
    return logits, label, counts if ignore is None else counts & (label != ignore)


def _logits(outputs: ArrayLike) -> jax.Array:
    logits = jnp.asarray(outputs)
    if logits.ndim != 4 or not jnp.issubdtype(logits.dtype, jnp.floating):
        raise ValueError(
            "`outputs` must be logits (n, height, width, classes), floats; got "
            f"{logits.dtype} {logits.shape}."
        )
    return logits.astype(jnp.float32)
