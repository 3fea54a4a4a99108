"""Why not a dense layer?

Between two color pictures of 256 x 256 a dense layer has as many weights as there are pairs of
values. A convolution looks at small neighborhoods and has one set of weights for all places. So it
needs few of them, and when the picture moves, its output moves with it; that of a dense layer does
not.
"""

import math

import jax
import jax.numpy as jnp
from flax import nnx

from cnn_jax import data, pages
from cnn_jax import functional as F
from experiments.lecture._drawing import row
from experiments.lecture._section import code, numbers

TRY = "Other window sizes: the weights of a convolution do not depend on the size of the picture."
REFERENCE = (
    "Lecture, motivation; Zhang et al., Dive into Deep Learning, section 7.1; Goodfellow et al., "
    "Deep Learning, section 9.2."
)
SIDE = 256


def counted():
    values = SIDE * SIDE * 3  # of a picture
    dense = nnx.eval_shape(lambda: nnx.Linear(values, values, use_bias=False, rngs=nnx.Rngs(0)))
    conv = nnx.eval_shape(lambda: nnx.Conv(3, 3, (3, 3), use_bias=False, rngs=nnx.Rngs(0)))
    return math.prod(dense.kernel.shape), math.prod(conv.kernel.shape)


def moved(garment):
    kernel = jnp.array([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]])[..., None, None]
    weights = jax.random.normal(jax.random.key(0), (28 * 28, 28 * 28)) / 28

    def conv(x):
        return F.conv(x, kernel, padding="SAME", padding_mode="circular")

    def dense(x):
        return (x.ravel() @ weights).reshape(x.shape)

    def shift(x):
        return jnp.roll(x, (4, 6), (0, 1))

    return {f.__name__: (f(shift(garment)), shift(f(garment))) for f in (conv, dense)}


def show():
    garment = jnp.asarray(data.load("fashion_mnist_small", "test").images[0], jnp.float32) / 255
    found = moved(garment)
    pictures = {"x": garment, "T(x)": jnp.roll(garment, (4, 6), (0, 1))}
    errors = {}
    for name, (of_shifted, shifted) in found.items():
        pictures |= {f"{name}(T(x))": of_shifted, f"T({name}(x))": shifted}
        error = jnp.linalg.norm(of_shifted - shifted) / jnp.linalg.norm(shifted)
        errors[f"|f(T(x)) - T(f(x))| / |f(x)|, {name}"] = float(error)
    dense, conv = counted()
    return [
        code(counted),
        numbers(
            {
                "weights of a dense layer": dense,
                "its memory in float32, GB": dense * 4 / 1e9,
                "weights of a convolution, 3x3x3x3": conv,
                "its memory, bytes": conv * 4,
            }
        ),
        code(moved),
        pages.figure(
            row(pictures, columns=6, side=1.6),
            "A boot and the boot moved by T, 4 down and 6 to the right, then through a convolution "
            "and a dense layer with random weights.",
        ),
        numbers(errors),
    ]
