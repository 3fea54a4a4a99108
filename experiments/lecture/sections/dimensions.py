"""Two and three dimensions, many channels, many kernels.

A kernel reaches over all channels of its input and sums them, so each kernel makes one map; as many
kernels, as many maps. Its size, its stride, its padding and their number are hyperparameters,
chosen before training; weights and biases are parameters: k x k x channels x kernels, and a bias
for each kernel. A window of 1 x 1 looks at no neighbors: it is one dense layer over the channels,
the same at every pixel, and changes the number of maps. In a clip the window is a cube, and moves
through time too.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cnn_jax import analysis, models
from cnn_jax import functional as F
from experiments.lecture._section import code, numbers

TRY = "A kernel of depth 1 in the clip: then no output knows what was there a moment before."
REFERENCE = (
    "Lecture, convolution in two and three dimensions; Zhang et al., Dive into Deep Learning, "
    "sections 7.2 and 7.4; Tran et al., C3D, 2015, arXiv:1412.0767."
)


def two_dimensions():
    x = jnp.arange(9.0).reshape(3, 3, 1)
    kernel = jnp.array([[0, 1], [2, 3.0]])[..., None, None]
    return F.conv(x, kernel)[..., 0]


def two_channels():
    x = jnp.stack([jnp.arange(9.0), jnp.arange(1.0, 10)], -1).reshape(3, 3, 2)
    kernel = jnp.stack([jnp.arange(4.0), jnp.arange(1.0, 5)], -1).reshape(2, 2, 2, 1)
    one = F.conv(x, kernel)
    three = F.conv(x, jnp.concatenate([kernel, kernel + 1, kernel + 2], -1))
    return one[..., 0], three


def one_by_one():
    x = jnp.arange(18.0).reshape(3, 3, 2)
    kernel = jnp.arange(6.0).reshape(1, 1, 2, 3)
    return bool((F.conv(x, kernel) == x @ kernel[0, 0]).all())


def three_dimensions():
    clip = jax.ShapeDtypeStruct((16, 112, 112, 3), jnp.float32)  # time, height, width, channels
    kernel = jax.ShapeDtypeStruct((3, 3, 3, 3, 64), jnp.float32)
    return jax.eval_shape(lambda x, k: F.conv(x, k, padding=1), clip, kernel).shape


def show():
    one, three = two_channels()
    lenet = nnx.eval_shape(lambda: models.lenet(rngs=nnx.Rngs(0)))
    found = analysis.summarize(lenet, (1, 28, 28, 1))
    counted = 5 * 5 * 1 * 6 + 6, 5 * 5 * 6 * 16 + 16
    return [
        code(two_dimensions, two_channels, one_by_one, three_dimensions),
        numbers(
            {
                "arange(9) by [[0, 1], [2, 3]]": np.asarray(two_dimensions()).tolist(),
                "two channels, summed": np.asarray(one).tolist(),
                "three kernels": f"three maps, {three.shape}",
                "1 x 1 equals a dense layer at each pixel": one_by_one(),
                "C3D's first layer makes of a clip": three_dimensions(),
            }
        ),
        f"By hand, LeNet-5's convolutions have {counted[0]:,} and {counted[1]:,} parameters.",
        found.to_html(),
    ]
