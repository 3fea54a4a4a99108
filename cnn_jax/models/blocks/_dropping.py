"""Dropping at random while training: single values, or whole residual blocks."""

from flax import nnx


def drop_values(probability: float, rngs: nnx.Rngs) -> nnx.Dropout:
    """Make dropout. It needs a random stream, ``dropout`` or ``default``, only where it drops."""
    return nnx.Dropout(probability, rngs=rngs if probability else None)


def drop_blocks(probability: float, rngs: nnx.Rngs) -> nnx.Dropout:
    """Make stochastic depth: set what a block adds to its input to zero, for a whole image.

    It maps (*batch, height, width, channels) to the same shape. What is kept is divided by the
    probability of keeping it, so that the mean stays.

    References:
        Huang, Sun, Liu, Sedra and Weinberger, *Deep networks with stochastic depth*, 2016,
        arXiv:1603.09382.
    """
    source = rngs if probability else None
    return nnx.Dropout(probability, broadcast_dims=(-3, -2, -1), rngs=source)
