"""`targets`, `loss` and `decode`: joints as heatmaps, and heatmaps as joints."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments

from .._loss import Loss
from ._checks import checked, heatmaps

SHIFTS = ("quarter", "gaussian", "none")
LEAST = 1e-6  # of a heatmap, before its logarithm


def targets(
    batch: Mapping[str, Any], *, grid: tuple[int, int], stride: int = 4, sigma: float = 2.0
) -> dict[str, jax.Array]:
    """Return the heatmaps that the network should give for the joints of a batch.

    With the center `c = (i + 1/2, j + 1/2)` of a cell and the joint's place `p`, both in cells::

        heatmap[i, j] = exp(-|c - p|^2 / (2 sigma^2))

    `p` is not rounded to a cell, as the authors do: so the heatmap says where in its cell a joint
    is.

    Args:
        batch: `keypoints`, `keypoints_visible`.
        grid: rows and columns of cells.
        stride: pixels of a cell on each axis.
        sigma: in cells; 2 as published, for heatmaps of 64 x 48.

    Returns:
        ::

            heatmap   (n, *grid, joints) float32 in [0, 1]; 0 for joints that do not count
            counts    (n, joints) bool

    Raises:
        TypeError, ValueError: an argument is wrong, or the batch is.

    Example:
        >>> batch = {"keypoints": jnp.array([[[6.0, 10.0], [99.0, 0.0]]])}
        >>> made = targets(batch, grid=(4, 4))
        >>> made["heatmap"][0, :, :, 0].argmax().item(), made["counts"].tolist()
        (6, [[True, False]])
    """
    rows, columns = arguments.per_axis("grid", grid, 2, "the picture")
    stride = arguments.integer("stride", stride, at_least=1)
    sigma = arguments.number("sigma", sigma, above=0)
    points, counts = checked(batch, (rows * stride, columns * stride))
    bumps = []
    for axis, length in enumerate((rows, columns)):
        middles = jnp.arange(length, dtype=jnp.float32)[None, :, None] + 0.5
        away = middles - points[:, None, :, axis] / stride
        bumps.append(jnp.exp(-(away**2) / (2 * sigma**2)))  # (n, length, joints)
    heatmap = bumps[0][:, :, None] * bumps[1][:, None]
    return {"heatmap": jnp.where(counts[:, None, None], heatmap, 0), "counts": counts}


def loss(*, stride: int = 4, sigma: float = 2.0) -> Loss:
    """Return half the mean squared error of heatmaps, as training takes a loss.

    `1/2` of the mean over joints and cells of `(output - heatmap)^2`, where a joint that does not
    count adds 0, as in the authors' code.

    Args:
        stride: pixels of a cell on each axis.
        sigma: as for `targets`.

    Returns:
        `(outputs, batch) -> (losses (n,), {})`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs or the batch.

    Example:
        >>> batch = {"keypoints": jnp.full((1, 2, 2), jnp.nan)}  # none that counts
        >>> loss()(jnp.ones((1, 4, 4, 2)), batch)[0].tolist()
        [0.0]
    """
    arguments.integer("stride", stride, at_least=1)
    arguments.number("sigma", sigma, above=0)

    def squared_error(outputs, batch):
        outputs = heatmaps(outputs)
        _, rows, columns, joints = outputs.shape
        truth = targets(batch, grid=(rows, columns), stride=stride, sigma=sigma)
        if truth["heatmap"].shape != outputs.shape:
            raise ValueError(
                f"`outputs` must have a heatmap for each of `keypoints` "
                f"{jnp.shape(batch['keypoints'])}; got {joints}, shape {outputs.shape}."
            )
        squares = jnp.square(outputs - truth["heatmap"])
        return jnp.where(truth["counts"][:, None, None], squares, 0).mean((1, 2, 3)) / 2, {}

    return squared_error


def decode(outputs: ArrayLike, *, stride: int = 4, shift: str = "quarter") -> dict[str, jax.Array]:
    """Return what the network says as joints: the highest cell of each heatmap, and a shift.

    Args:
        outputs: (n, h, w, joints).
        stride: pixels of a cell on each axis.
        shift: from the center of that cell, on each axis by itself: ``"quarter"`` of a cell toward
            the higher one of its two neighbors, as published; ``"gaussian"``, to the top of the
            Gaussian through the three, by at most half a cell; or ``"none"``. At the edge, where a
            neighbor is missing, there is no shift.

    Returns:
        ::

            keypoints   (n, joints, 2) float32: (row, column) in pixels
            scores      (n, joints) float32: the height of the peak

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> outputs = jnp.zeros((1, 4, 4, 1)).at[0, 1, 2, 0].set(1.0).at[0, 1, 1, 0].set(0.5)
        >>> decode(outputs)["keypoints"].tolist()
        [[[6.0, 9.0]]]
    """
    outputs, stride = heatmaps(outputs), arguments.integer("stride", stride, at_least=1)
    arguments.one_of("shift", shift, SHIFTS)
    n, *grid, joints = outputs.shape
    flat = outputs.reshape(n, -1, joints)
    place = jnp.argmax(flat, axis=1)

    def at(number):
        return jnp.take_along_axis(flat, number[:, None], axis=1)[:, 0]

    scores, found = at(place), []
    for position, step, length in (
        (place // grid[1], grid[1], grid[0]),
        (place % grid[1], 1, grid[1]),
    ):
        inside = (position > 0) & (position < length - 1)
        low, high = (at(jnp.where(inside, place + move, place)) for move in (-step, step))
        if shift == "gaussian":
            a, b, c = (jnp.log(jnp.maximum(value, LEAST)) for value in (low, scores, high))
            bend = 2 * b - a - c
            moved = jnp.clip((c - a) / (2 * jnp.where(bend > 0, bend, 1)), -0.5, 0.5)
            moved = jnp.where(bend > 0, moved, 0)
        else:
            moved = jnp.sign(high - low) * (0.25 if shift == "quarter" else 0.0)
        found.append(stride * (position.astype(jnp.float32) + 0.5 + jnp.where(inside, moved, 0)))
    return {"keypoints": jnp.stack(found, -1), "scores": scores}
