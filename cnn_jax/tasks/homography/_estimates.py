"""What a network says about corners: in pixels, how wrong it is, and better with each pass."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from cnn_jax import arguments

from .._loss import Loss
from ._matrices import corner_offsets, floats, from_corners, warp
from ._offsets import compose, convex


def decode(outputs: ArrayLike, *, unit: float) -> jax.Array:
    """Return outputs as offsets of the corners in pixels.

    Args:
        outputs: (n, 8), as a network returns them.
        unit: how many pixels an output of 1 is.

    Returns:
        (n, 4, 2) float32.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> decode(jnp.arange(8.0)[None] / 16, unit=32).tolist()
        [[[0.0, 2.0], [4.0, 6.0], [8.0, 10.0], [12.0, 14.0]]]
    """
    outputs = floats("outputs", outputs, (8,)).astype(jnp.float32)
    return arguments.number("unit", unit, above=0) * outputs.reshape(*outputs.shape[:-1], 4, 2)


def corner_error(found: ArrayLike, true: ArrayLike) -> jax.Array:
    """Return the mean distance between the found and the true places of the corners.

    Args:
        found: (..., 4, 2) floats, offsets in pixels.
        true: of the same shape.

    Returns:
        (...), in pixels.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> float(corner_error(jnp.zeros((4, 2)), jnp.tile(jnp.array([[3.0, 4.0]]), (4, 1))))
        5.0
    """
    found, true = corner_offsets("found", found), corner_offsets("true", true)
    if found.shape != true.shape:
        raise ValueError(
            f"`found` and `true` must have one shape; got {found.shape} and {true.shape}."
        )
    squares = jnp.square(found - true).sum(-1)
    # The root has no derivative at 0; there it is taken as 0. NaN stays NaN.
    same = squares == 0
    return jnp.where(same, 0, jnp.sqrt(jnp.where(same, 1, squares))).mean(-1)


def loss(*, unit: float, error: str = "squared") -> Loss:
    """Return the loss of the corner offsets, as training takes it.

    Args:
        unit: how many pixels an output of 1 is.
        error: ``"squared"``, half the sum of squares in units, as published; or ``"distance"``,
            `corner_error` in units, for which a few large errors count less.

    Returns:
        `(outputs, batch) -> (losses (n,), {"corner_error": (n,) in pixels})`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs or the batch.

    Example:
        >>> outputs, batch = jnp.ones((1, 8)) / 4, {"corners": jnp.zeros((1, 4, 2))}
        >>> losses, others = loss(unit=8)(outputs, batch)
        >>> losses.tolist(), round(float(others["corner_error"][0]), 3)
        ([0.25], 2.828)
    """
    arguments.one_of("error", error, ("squared", "distance"))
    arguments.number("unit", unit, above=0)

    def of_corners(outputs, batch):
        found, true = decode(outputs, unit=unit), batch["corners"]
        distance = corner_error(found, true)
        squares = jnp.square((found - true) / unit).sum((-2, -1)) / 2
        return squares if error == "squared" else distance / unit, {"corner_error": distance}

    return of_corners


def refine(
    predict: Callable[[jax.Array], jax.Array], images: ArrayLike, *, passes: int = 2
) -> jax.Array:
    """Estimate offsets several times, each time from where the last estimate led.

    The first view is warped by the estimate so far; what `predict` finds between that and the
    second view is the rest: `estimate = compose(estimate, predict(warped and second))`. If that is
    not `convex`, the estimate stays as it was. What the first view does not show is 0 in the warped
    one, so views should have values around 0.

    Args:
        predict: `(n, size, size, 2) -> offsets (n, 4, 2)` in pixels.
        images: (n, size, size, 2): both views.
        passes: how often.

    Returns:
        (n, passes, 4, 2): the estimate after each pass, in pixels.

    Raises:
        TypeError, ValueError: an argument is wrong.
    """
    images = floats("images", images, (2,))
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise ValueError(f"`images` must be (n, size, size, 2); got {images.shape}.")
    passes = arguments.integer("passes", passes, at_least=1)
    first, second = images[..., :1], images[..., 1:]
    size = images.shape[-2]

    def once(estimate, _):
        warped = warp(first, from_corners(estimate, size))
        rest = predict(jnp.concatenate([warped, second], -1)).astype(estimate.dtype)
        better = compose(estimate, rest, size)
        follows = convex(better, size)[:, None, None]
        better = jnp.where(follows, better, estimate)
        return better, better

    start = jnp.zeros((len(images), 4, 2), jnp.float32)
    return jnp.moveaxis(lax.scan(once, start, length=passes)[1], 0, 1)
