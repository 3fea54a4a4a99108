"""Five networks as plain functions of arrays, which take their convolution and pool as argument.

A network is ``network(new, operations, x) -> logits``. It asks ``new(*shape)`` for its parameters
in the order in which it uses them; `parameters` makes, and `logits` passes, them in that order.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import functional as F

CLASSES = 10
New = Callable[..., jax.Array]


@dataclass(frozen=True)
class Operations:
    """The operations that a network is made of; arrays are channels last."""

    conv: Callable[..., jax.Array]
    """``conv(x, kernel, stride, padding, groups)``, the padding an int for all sides."""
    max_pool: Callable[..., jax.Array]
    """``max_pool(x, window)``, the window an int, which is the stride too."""


def built_in() -> Operations:
    """The operations of `jax.lax`."""

    def conv(x, kernel, stride=1, padding=0, groups=1):
        return lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            ((padding, padding),) * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    def max_pool(x, window):
        size = (1, window, window, 1)
        return lax.reduce_window(x, -jnp.inf, lax.max, size, size, "VALID")

    return Operations(conv, max_pool)


def ours(algorithm: str) -> Operations:
    """The operations of `cnn_jax.functional`, by one of its algorithms."""

    def conv(x, kernel, stride=1, padding=0, groups=1):
        options = {"stride": stride, "padding": padding, "groups": groups}
        return F.conv(x, kernel, **options, algorithm=algorithm)

    def max_pool(x, window):
        return F.max_pool(x, (window, window), algorithm=algorithm)

    return Operations(conv, max_pool)


def lenet(new: New, do: Operations, x: jax.Array) -> jax.Array:
    """LeNet-5 with ReLU and max pooling. LeCun et al. 1998."""
    for channels, padding in ((6, 2), (16, 0)):
        x = do.conv(x, new(5, 5, x.shape[-1], channels), padding=padding) + new(1, 1, 1, channels)
        x = do.max_pool(jax.nn.relu(x), 2)
    x = x.reshape(len(x), -1)
    for features in (120, 84):
        x = jax.nn.relu(dense(new, x, features))
    return dense(new, x, CLASSES)


def vgg11(new: New, do: Operations, x: jax.Array) -> jax.Array:
    """VGG-11 without its hidden dense layers. Simonyan and Zisserman 2014, column A."""
    for stage in ((64,), (128,), (256, 256), (512, 512), (512, 512)):
        for channels in stage:
            kernel = new(3, 3, x.shape[-1], channels)
            x = jax.nn.relu(do.conv(x, kernel, padding=1) + new(1, 1, 1, channels))
        x = do.max_pool(x, 2)
    return dense(new, x.mean((1, 2)), CLASSES)


def resnet18(new: New, do: Operations, x: jax.Array) -> jax.Array:
    """ResNet-18 for small images: a 3x3 stem and no first pool. He et al. 2015."""
    x = jax.nn.relu(conv_norm(new, do, x, 3, 64))
    for block, channels in enumerate((64, 64, 128, 128, 256, 256, 512, 512)):
        stride = 2 if block in (2, 4, 6) else 1
        y = jax.nn.relu(conv_norm(new, do, x, 3, channels, stride))
        y = conv_norm(new, do, y, 3, channels)
        if y.shape != x.shape:
            x = conv_norm(new, do, x, 1, channels, stride)
        x = jax.nn.relu(x + y)
    return dense(new, x.mean((1, 2)), CLASSES)


# Sandler et al. 2018, Table 2: expansion, channels, blocks, stride of the first.
MOBILENET_V2 = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)


def mobilenet_v2(new: New, do: Operations, x: jax.Array) -> jax.Array:
    """MobileNetV2. Sandler et al. 2018."""
    x = jax.nn.relu6(conv_norm(new, do, x, 3, 32, 2))
    for expansion, channels, blocks, first in MOBILENET_V2:
        for block in range(blocks):
            y, hidden = x, expansion * x.shape[-1]
            if expansion > 1:
                y = jax.nn.relu6(conv_norm(new, do, y, 1, hidden))
            stride = 1 if block else first
            y = jax.nn.relu6(conv_norm(new, do, y, 3, hidden, stride, groups=hidden))
            y = conv_norm(new, do, y, 1, channels)
            x = x + y if x.shape == y.shape else y
    x = jax.nn.relu6(conv_norm(new, do, x, 1, 1280))
    return dense(new, x.mean((1, 2)), CLASSES)


def convnext_t(new: New, do: Operations, x: jax.Array) -> jax.Array:
    """ConvNeXt-T. Liu et al. 2022; without stochastic depth."""

    def conv(x, size, channels, stride=1, padding=0, groups=1):
        kernel = new(size, size, x.shape[-1] // groups, channels)
        return do.conv(x, kernel, stride, padding, groups) + new(1, 1, 1, channels)

    for stage, (blocks, channels) in enumerate(((3, 96), (3, 192), (9, 384), (3, 768))):
        if stage == 0:
            x = normalized(new, conv(x, 4, channels, 4), axes=(-1,))
        else:
            x = conv(normalized(new, x, axes=(-1,)), 2, channels, 2)
        for _ in range(blocks):
            y = conv(x, 7, channels, padding=3, groups=channels)
            y = conv(normalized(new, y, axes=(-1,)), 1, 4 * channels)
            y = conv(jax.nn.gelu(y), 1, channels)
            x = x + (1e-6 + new(1, 1, 1, channels)) * y  # layer scale
    x = normalized(new, x.mean((1, 2), keepdims=True), axes=(-1,))
    return dense(new, x[:, 0, 0], CLASSES)


def conv_norm(new: New, do: Operations, x, size: int, channels: int, stride=1, groups=1):
    """A convolution and a batch norm; the input is padded so that stride 1 keeps its size."""
    kernel = new(size, size, x.shape[-1] // groups, channels)
    return normalized(new, do.conv(x, kernel, stride, size // 2, groups), axes=(0, 1, 2))


def normalized(new: New, x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """Mean 0 and variance 1 over `axes`, then a scale and an offset for each channel."""
    x = x - x.mean(axes, keepdims=True)
    x = x * lax.rsqrt(jnp.square(x).mean(axes, keepdims=True) + 1e-5)
    shape = (1, 1, 1, x.shape[-1])
    return x * (1 + new(*shape)) + new(*shape)


def dense(new: New, x: jax.Array, features: int) -> jax.Array:
    """A matrix product and a bias."""
    return x @ new(x.shape[-1], features) + new(1, features)


@dataclass(frozen=True)
class Network:
    """A network and what it is trained on."""

    name: str
    apply: Callable[[New, Operations, jax.Array], jax.Array]
    x: tuple[int, int, int, int]
    """Shape of a batch of images."""


NETWORKS = (
    Network("LeNet-5", lenet, (128, 28, 28, 1)),
    Network("ResNet-18", resnet18, (16, 32, 32, 3)),
    Network("VGG-11", vgg11, (16, 32, 32, 3)),
    Network("MobileNetV2", mobilenet_v2, (4, 96, 96, 3)),
    Network("ConvNeXt-T", convnext_t, (4, 96, 96, 3)),
)


def shapes(network: Network) -> list[tuple[int, ...]]:
    """The shapes of the network's parameters, in the order of their use."""
    found: list[tuple[int, ...]] = []

    def new(*shape: int) -> jax.Array:
        found.append(shape)
        return jnp.zeros(shape)

    jax.eval_shape(lambda x: network.apply(new, built_in(), x), jnp.zeros(network.x))
    return found


def parameters(network: Network) -> list[np.ndarray]:
    """Kernels by He et al. 2015; biases, offsets and scales 0, as scales are stored minus 1."""
    rng = np.random.default_rng(0)

    def one(shape: tuple[int, ...]) -> np.ndarray:
        fan_in = math.prod(shape[:-1])
        scale = math.sqrt(2 / fan_in) if fan_in > 1 else 0
        return np.float32(scale) * rng.standard_normal(shape, np.float32)

    return [one(shape) for shape in shapes(network)]


def logits(
    network: Network, operations: Operations, params: Sequence[jax.Array], x: jax.Array
) -> jax.Array:
    """The network's output for its `parameters`."""
    remaining = iter(params)
    return network.apply(lambda *shape: next(remaining), operations, x)
