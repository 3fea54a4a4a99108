"""Which initializer suits which activation."""

from jax.nn import initializers
from jax.nn.initializers import Initializer

_BY_ACTIVATION = {
    "relu": initializers.he_normal,
    "sigmoid": initializers.xavier_uniform,
    "tanh": initializers.xavier_uniform,
}


def for_activation(activation: str) -> Initializer:
    """The initializer that keeps signals from vanishing or growing behind `activation`.

    For ReLU He's, which makes up for the half that ReLU sets to zero: variance ``2 / fan_in``. For
    the symmetric sigmoid and tanh Xavier's, ``2 / (fan_in + fan_out)``. The fans of a convolution's
    kernel count its taps.

    Args:
        activation: ``"relu"``, ``"sigmoid"`` or ``"tanh"``.

    Returns:
        A function of (key, shape, dtype).

    Raises:
        ValueError: if `activation` is none of these.

    References:
        He et al., *Delving deep into rectifiers*, 2015, arXiv:1502.01852, equation 10. Glorot and
        Bengio, *Understanding the difficulty of training deep feedforward neural networks*,
        AISTATS 2010, equation 16.
    """
    if activation not in _BY_ACTIVATION:
        known = ", ".join(map(repr, _BY_ACTIVATION))
        raise ValueError(f"`activation` must be one of {known}; got {activation!r}.")
    return _BY_ACTIVATION[activation]()
