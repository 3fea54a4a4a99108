"""How far one set of images is from another, in the features of a classifier."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments

from .._accumulator import Accumulator


class Moments(NamedTuple):
    """What `frechet_distance` needs to know of a set of features.

    Attributes:
        number: how many there were.
        mean: (features,), float64.
        covariance: (features, features), float64, with `number - 1` as divisor.
    """

    number: int
    mean: np.ndarray
    covariance: np.ndarray


def moments(features: int) -> Accumulator:
    """Return the accumulator of a set's `Moments`, batch by batch; `add` ignores its batch.

    It adds up squares around the mean so far, which moves with each batch (Chan's update): plain
    sums of squares would lose the variance of features whose mean is large.

    Args:
        features: how many there are for each image; `add` takes (n, features).

    Raises:
        TypeError, ValueError: `features` is no positive int; or, when it is used, features have
            another shape, or there are fewer than two in all.

    References:
        Chan, Golub and LeVeque, *Updating formulae and a pairwise algorithm for computing sample
        variances*, 1982.

    Example:
        >>> total = moments(1)
        >>> found = total.result(total.add(total.start(), jnp.array([[1.0], [3.0]]), {}))
        >>> found.number, found.mean.tolist(), found.covariance.tolist()
        (2, [2.0], [[2.0]])
    """
    arguments.integer("features", features, at_least=1)

    def start():
        return {
            "count": jnp.zeros((), jnp.int32),
            "mean": jnp.zeros(features, jnp.float32),
            "scatter": jnp.zeros((features, features), jnp.float32),
        }

    def add(total, outputs, batch):
        x = jnp.asarray(outputs, jnp.float32)
        if x.ndim != 2 or x.shape[1] != features:
            raise ValueError(f"Features must be (n, {features}); got shape {x.shape}.")
        if not len(x):
            return total
        mean = x.mean(0)
        around, moved = x - mean[None], mean - total["mean"]
        scatter = jnp.matmul(around.T, around, precision="highest")
        count = total["count"] + len(x)
        share = len(x) / count.astype(jnp.float32)
        between = jnp.outer(moved, moved) * (share * total["count"].astype(jnp.float32))
        return {
            "count": count,
            "mean": total["mean"] + share * moved,
            "scatter": total["scatter"] + scatter + between,
        }

    def result(total):
        count = int(total["count"])
        if count < 2:
            raise ValueError(f"A covariance needs at least 2 features; there were {count}.")
        mean, scatter = (np.asarray(total[name], np.float64) for name in ("mean", "scatter"))
        return Moments(count, mean, scatter / (count - 1))

    return Accumulator(start, add, result)


def frechet_distance(one: Moments, other: Moments) -> float:
    """Return the Frechet distance of two sets of features, taken as normal distributions.

    `|m1 - m2|**2 + trace(C1 + C2 - 2 (C1 C2)**(1/2))`: the square of the 2-Wasserstein distance of
    the two normal distributions. The root has the trace of the symmetric `(R C2 R)**(1/2)` with
    `R = C1**(1/2)`, so both roots are computed from eigenvalues, in float64 on the host. It is 0
    for equal moments. From few images it comes out too large: two halves of one set have a distance
    above 0.

    Args:
        one: from `moments`.
        other: of as many features.

    Returns:
        The distance, at least 0, in squared units of the features.

    Raises:
        ValueError: they are of different features, or not finite.

    References:
        Dowson and Landau, *The Frechet distance between multivariate normal distributions*, 1982.
        Heusel et al., *GANs trained by a two time-scale update rule converge to a local Nash
        equilibrium*, 2017, arXiv:1706.08500, for images.

    Example:
        >>> flat = Moments(9, np.zeros(2), np.diag([1.0, 4.0]))
        >>> frechet_distance(flat, Moments(9, np.zeros(2), np.diag([9.0, 4.0])))
        4.0
    """
    if one.mean.shape != other.mean.shape:
        raise ValueError(
            "`one` and `other` must have as many features; got "
            f"{len(one.mean)} and {len(other.mean)}."
        )
    for name, of in (("one", one), ("other", other)):
        if not (np.isfinite(of.mean).all() and np.isfinite(of.covariance).all()):
            raise ValueError(f"`{name}` must be finite; a feature is NaN or infinite.")
    values, vectors = np.linalg.eigh(one.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other.covariance @ root), 0)).sum()
    apart = np.square(one.mean - other.mean).sum()
    spread = np.trace(one.covariance) + np.trace(other.covariance)
    return max(float(apart + spread - 2 * shared), 0.0)
