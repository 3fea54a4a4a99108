"""The gradient with respect to the input, as a convolution with the flipped kernel."""

from collections.abc import Callable

import jax
from jax import lax

from cnn_jax import geometry
from cnn_jax.geometry import Window

from .taps import crop


def backwards(
    output: Callable, kernel: jax.Array, g: jax.Array, window: Window, groups: int
) -> jax.Array:
    """Compute `input_grad` by `output`, an algorithm's function that convolves.

    It convolves g with the flipped kernel, whose input and output channels change places within
    each group; so do the window's stride and base dilation.
    """
    size, (per_group, channels) = window.size, kernel.shape[-2:]
    flipped = lax.rev(kernel, range(window.rank))
    flipped = flipped.reshape(*size, per_group, groups, channels // groups).swapaxes(-1, -3)
    flipped = flipped.reshape(*size, channels // groups, groups * per_group)
    drops, exact = geometry.fit(window.of_input_grad(), g.shape[1:-1])
    return output(crop(g, drops), flipped, exact, groups)
