"""Which initializer suits which activation."""

from jax.nn import initializers
from jax.nn.initializers import Initializer

from cnn_jax import arguments

_BY_ACTIVATION = {
    "relu": initializers.he_normal,
    "sigmoid": initializers.xavier_uniform,
    "tanh": initializers.xavier_uniform,
}


def for_activation(activation: str) -> Initializer:
    """The initializer with which activations keep their scale from layer to layer.

    For ReLU it is He's, of variance ``2 / fan_in``: the 2 makes up for the half that ReLU sets to
    zero. For sigmoid and tanh it is Xavier's, of variance ``2 / (fan_in + fan_out)``. Both fans of
    a convolution's kernel are multiplied by its number of taps.

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
    return _BY_ACTIVATION[arguments.one_of("activation", activation, _BY_ACTIVATION)]()
