"""Random dropping while training: of single values, or of whole residual blocks."""

from flax import nnx


def drop_values(probability: float, rngs: nnx.Rngs) -> nnx.Dropout:
    """Make dropout. Above probability 0 it needs a random stream, ``dropout`` or ``default``."""
    return nnx.Dropout(probability, rngs=rngs if probability else None)


def drop_blocks(probability: float, rngs: nnx.Rngs) -> nnx.Dropout:
    """Make stochastic depth: set what a block adds to its input to zero, for whole images.

    It maps (*batch, height, width, channels) to the same shape. Each image is kept or zeroed as a
    whole; if kept, it is divided by the probability of keeping it, so that the mean stays the same.

    References:
        Huang, Sun, Liu, Sedra and Weinberger, *Deep networks with stochastic depth*, 2016,
        arXiv:1603.09382.
    """
    source = rngs if probability else None
    return nnx.Dropout(probability, broadcast_dims=(-3, -2, -1), rngs=source)
