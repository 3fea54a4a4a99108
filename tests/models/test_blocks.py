"""What several networks share: the style, running averages, the checks of images."""

import re
from dataclasses import fields, replace

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import ConvNorm, Style, check_image_size, check_images, normalization

from .networks import images


@pytest.mark.parametrize("momentum", [0.9, 0.75])
@pytest.mark.parametrize("make", ["conv_norm", "style"])
def test_running_averages_after_one_step(momentum, make):
    """momentum * old + (1 - momentum) * new: 1 minus PyTorch's."""
    options = {"momentum": momentum, "rngs": nnx.Rngs(0)}
    if make == "conv_norm":
        norm = ConvNorm(3, 4, 1, **options).norm
    else:
        norm = Style(momentum=momentum).normalization(4, nnx.Rngs(0))
    norm.mean[...] = jnp.asarray([1.0, 2.0, 3.0, 4.0])
    norm.var[...] = jnp.asarray([4.0, 3.0, 2.0, 1.0])
    x = images(8, 5, 5, 4) + np.arange(4, dtype=np.float32)
    norm(jnp.asarray(x))
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    expected = momentum * np.array([1.0, 2, 3, 4]) + (1 - momentum) * mean
    np.testing.assert_allclose(norm.mean[...], expected, rtol=1e-5)
    expected = momentum * np.array([4.0, 3, 2, 1]) + (1 - momentum) * var
    np.testing.assert_allclose(norm.var[...], expected, rtol=1e-5)


def test_epsilon_and_groups():
    x = 1e-2 * images(2, 3, 3, 6)
    plain = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 0.5)
    made = normalization("batch", 6, epsilon=0.5, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(made(jnp.asarray(x)), plain, rtol=1e-4, atol=1e-6)
    assert normalization("group", 48, rngs=nnx.Rngs(0)).num_groups == 16  # gcd(32, 48)
    assert normalization("none", 6, rngs=nnx.Rngs(0))(3.0) == 3.0


# A value of each that is refused, the error, and what it says.
WRONG = {
    "norm": ("layer", ValueError, "`norm` must be one of 'batch', 'group', 'none'; got 'layer'."),
    "epsilon": (0.0, ValueError, "`epsilon` must be a finite number above 0; got 0.0."),
    "momentum": (1.5, ValueError, "`momentum` must be a number in [0, 1]; got 1.5."),
    "activation": ("gelu", ValueError, "`activation` must be one of 'relu', 'sigmoid', 'tanh'"),
    "downsample": ("max", ValueError, "`downsample` must be one of 'stride', 'blur', 'polyphase'"),
    "padding_mode": ("wrap", ValueError, "`padding_mode` must be one of"),
    "dropout": (1, ValueError, "`dropout` must be a number in [0, 1); got 1."),
    "stochastic_depth": (1j, TypeError, "`stochastic_depth` must be a number in [0, 1); got 1j."),
    "dtype": (
        "x",
        TypeError,
        "`dtype` must be a dtype, such as jnp.bfloat16 or 'float32'; got 'x'",
    ),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Style)])
def test_a_style_checks_itself(name):
    value, kind, text = WRONG[name]
    with pytest.raises(kind, match=re.escape(text)):
        Style(**{name: value})
    with pytest.raises(kind, match=re.escape(text)):
        replace(Style(), **{name: value})
    array = np.ones((2, 3))  # where a name or a number is meant: refused, never compared
    with pytest.raises((TypeError, ValueError), match=rf"`{name}` must be .* array of float64"):
        Style(**{name: array})


def test_channels_first_is_told_where_channels_go():
    text = "got shape (2, 3, 32, 32). Channels come last here: jnp.moveaxis(images, -3, -1)."
    x = np.zeros((2, 3, 32, 32))
    with pytest.raises(ValueError, match=re.escape(text)):
        check_images(x, 3, (1, 1))
    with pytest.raises(ValueError, match=re.escape(text)):
        check_image_size(x, (32, 32, 3))
    with pytest.raises(ValueError, match=re.escape(text)):
        models.resnet20(rngs=nnx.Rngs(0))(x)
    with pytest.raises(ValueError, match=r"got shape \(2, 4, 32, 32\)\.$"):
        check_images(np.zeros((2, 4, 32, 32)), 3, (1, 1))
