"""`loss`, and the two usual measures: the end-point error and the share of bad pixels."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments

from .._loss import Loss
from ._maps import maps_of

BAD = 3.0  # pixels; more is a bad match


def loss(*, max_disparity: float = 32) -> Loss:
    """Return the smooth L1 loss, as training takes it, with the two measures beside it.

    The mean over pixels of `e**2 / 2` where the error `e` is below 1 pixel, `|e| - 1/2` elsewhere.

    Args:
        max_disparity: pixels of this disparity or more do not count.

    Returns:
        `(outputs, batch) -> (losses (n,), {"epe", "bad3": (n,)})`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, shapes do not fit.

    Example:
        >>> truth = jnp.array([[[4.0, jnp.nan, jnp.inf, 40.0]]])
        >>> losses, measures = loss()(jnp.zeros((1, 1, 4)), {"disparity": truth})
        >>> losses.tolist(), measures["epe"].tolist(), measures["bad3"].tolist()
        ([3.5], [4.0], [1.0])
    """
    arguments.number("max_disparity", max_disparity, above=0)

    def smooth_l1(outputs, batch):
        truth = batch["disparity"]
        error, counts = _errors(outputs, truth, max_disparity)
        losses = _mean(jnp.where(error < 1, error**2 / 2, error - 0.5), counts)
        return losses, {
            "epe": end_point_error(outputs, truth, max_disparity=max_disparity),
            "bad3": bad(outputs, truth, max_disparity=max_disparity),
        }

    return smooth_l1


def end_point_error(
    outputs: ArrayLike, disparity: ArrayLike, *, max_disparity: float = 32
) -> jax.Array:
    """Return the mean absolute error of each pair, in pixels.

    Args:
        outputs: (n, height, width).
        disparity: of the same shape, the truth.
        max_disparity: pixels of this disparity or more do not count.

    Returns:
        (n,), float32.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> end_point_error(jnp.zeros((1, 1, 2)), jnp.array([[[1.0, 2.0]]])).tolist()
        [1.5]
    """
    return _mean(*_errors(outputs, disparity, max_disparity))


def bad(
    outputs: ArrayLike,
    disparity: ArrayLike,
    *,
    more_than: float = BAD,
    max_disparity: float = 32,
) -> jax.Array:
    """Return the share of each pair's pixels with an error of more than so many pixels.

    Args:
        outputs: (n, height, width).
        disparity: of the same shape, the truth.
        more_than: pixels; 3 in "bad-3".
        max_disparity: pixels of this disparity or more do not count.

    Returns:
        (n,), float32. A disparity that is NaN is bad.

    Raises:
        TypeError, ValueError: the shapes differ, or `more_than` is no number of at least 0.

    Example:
        >>> bad(jnp.zeros((1, 1, 2)), jnp.array([[[3.0, 3.5]]])).tolist()
        [0.5]
    """
    arguments.number("more_than", more_than, at_least=0)
    error, counts = _errors(outputs, disparity, max_disparity)
    return _mean((~(error <= more_than)).astype(jnp.float32), counts)


def _errors(
    outputs: ArrayLike, disparity: ArrayLike, max_disparity: float
) -> tuple[jax.Array, jax.Array]:
    """Absolute errors, 0 where they do not count, and where they count."""
    found, truth = maps_of("outputs", outputs), maps_of("disparity", disparity)
    if found.shape != truth.shape:
        raise ValueError(
            f"`outputs` and `disparity` must have one shape; got {found.shape} and {truth.shape}."
        )
    counts = (truth >= 0) & (truth < max_disparity)  # False for NaN and infinity
    return jnp.where(counts, jnp.abs(found - jnp.where(counts, truth, 0)), 0), counts


def _mean(values: jax.Array, counts: jax.Array) -> jax.Array:
    total = jnp.where(counts, values, 0).sum((1, 2))
    return total / jnp.maximum(counts.sum((1, 2)), 1).astype(jnp.float32)
