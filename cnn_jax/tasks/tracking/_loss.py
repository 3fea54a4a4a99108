"""`targets` and `loss`: the object is in the middle of the search image, and nowhere else."""

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments

from .._loss import Loss


def targets(grid: tuple[int, int], *, stride: int, radius: float) -> np.ndarray:
    """Return the labels of a response: 1 near its middle, -1 elsewhere.

    `y[p] = 1 if stride * |p - middle| <= radius else -1`.

    Args:
        grid: rows and columns of the response.
        stride: pixels of the search image between two of its places.
        radius: in pixels of the search image; 16 in the paper, with a stride of 8.

    Returns:
        (rows, columns) float32; there is a 1 at the place nearest to the middle in any case.

    Example:
        >>> targets((3, 3), stride=8, radius=8).astype(int).tolist()
        [[-1, 1, -1], [1, 1, 1], [-1, 1, -1]]

    References:
        Bertinetto et al. 2016, equation 4.
    """
    rows, columns = arguments.per_axis("grid", grid, 2, "the picture")
    arguments.integer("stride", stride, at_least=1)
    arguments.number("radius", radius, at_least=0)
    down, right = np.arange(rows) - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2
    far = stride * np.hypot(down[:, None], right[None])
    return np.where((far <= radius) | (far == far.min()), 1, -1).astype(np.float32)


def loss(*, stride: int, radius: float) -> Loss:
    """Return the logistic loss of responses, as training takes a loss.

    `loss = mean of log(1 + exp(-y v))` over the places of a response `v`, of which those of either
    label weigh one half together.

    Args:
        stride: pixels of the search image between two places of a response.
        radius: see `targets`.

    Returns:
        `(responses (n, rows, columns), batch) -> (losses (n,), {"distance": (n,)})`: how far the
        largest response is from the middle, in pixels of the search image. If the batch has
        `counts`, (n,) bools, both are 0 for the examples that do not count.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the responses.

    Example:
        >>> response = jnp.full((1, 3, 3), -9.0).at[0, 1, 1].set(9)
        >>> losses, others = loss(stride=8, radius=0)(response, {})
        >>> bool(losses[0] < 1e-3), others["distance"].tolist()
        (True, [0.0])

    References:
        Bertinetto et al. 2016, equations 1, 2 and 4.
    """
    targets((1, 1), stride=stride, radius=radius)  # checks both

    def balanced(responses, batch):
        if responses.ndim != 3:
            raise ValueError(
                f"The model must return responses (n, rows, columns); got {responses.shape}."
            )
        n, rows, columns = responses.shape
        labels = targets((rows, columns), stride=stride, radius=radius)
        here = labels > 0
        weights = np.where(here, 0.5 / here.sum(), 0.5 / max((~here).sum(), 1))
        weights = jnp.asarray(weights, jnp.float32)
        v = responses.astype(jnp.float32)
        losses = (weights[None] * jax.nn.softplus(-jnp.asarray(labels)[None] * v)).sum((1, 2))
        peak = v.reshape(n, -1).argmax(-1)
        place = jnp.stack([peak // columns, peak % columns]).astype(jnp.float32)
        away = jnp.hypot(place[0] - (rows - 1) / 2, place[1] - (columns - 1) / 2)
        counts = batch.get("counts", jnp.ones(n, bool))
        return jnp.where(counts, losses, 0), {"distance": jnp.where(counts, stride * away, 0)}

    return balanced
