"""Small networks with places in them: positive generic weights, so that nothing cancels."""

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F


def kernel(*shape):
    """Positive and different weights, of the shape's own seed."""
    random = np.random.default_rng(list(shape))
    return random.uniform(0.5, 1.5, shape).astype(np.float32) / np.prod(shape[:-1])


def residual(x):
    y = F.conv(x, kernel(3, 3, 1, 2), padding=1, stride=2)
    y = y + F.conv(jnp.tanh(y), kernel(3, 3, 2, 2), padding=1)
    return F.conv(jnp.tanh(y), kernel(3, 3, 2, 2), padding=2, dilation=2)


def unet(x):
    """A level down and up again, beside a path that stays."""
    down = jnp.tanh(F.conv(x, kernel(2, 2, 1, 2), stride=2))
    up = F.conv_transpose(F.conv(down, kernel(3, 3, 2, 2), padding=1), kernel(2, 2, 2, 2), stride=2)
    return F.conv(jnp.concatenate([up, x], axis=-1), kernel(3, 3, 3, 1), padding=1)


def pooled(x):
    y = F.avg_pool(jax.nn.softplus(F.conv(x, kernel(3, 2, 1, 2))), (2, 3), stride=(2, 1))
    return F.conv(y, kernel(2, 2, 2, 1), padding=((1, 0), (0, 2)))


def line(x):
    """Of one spatial axis: dilated, causal."""
    for dilation in (1, 2, 4):
        x = jnp.tanh(F.conv(x, kernel(2, 1, 1), dilation=dilation, padding="CAUSAL"))
    return x


NETWORKS = {
    "residual": (residual, (1, 13, 12, 1)),
    "unet": (unet, (8, 12, 1)),
    "pooled": (pooled, (1, 11, 12, 1)),
    "line": (line, (2, 12, 1)),
}


def support(f, x, unit):
    """Which elements of `x` a unit depends on, all channels of `f(x)` together: the gradient."""

    def value(x):
        return f(x)[unit].sum()

    with F.using(algorithm="xla"):
        return np.asarray(jax.jit(jax.grad(value))(x)) != 0


def hull(seen):
    """The first and the last True on each axis; None if there is none."""
    if not seen.any():
        return None
    places = np.nonzero(seen)
    return tuple((int(p.min()), int(p.max())) for p in places)
