"""AlexNet: the network that won ImageNet's challenge in 2012, and its usual form, of 2014.

    layer     2014 (224x224 input)     2012 (227x227 input)
    conv1     55 x 55 x  64            55 x 55 x  96            11x11, stride 4
    pool1     27 x 27                  27 x 27, normalized      3x3 maximum, stride 2
    conv2     27 x 27 x 192            27 x 27 x 256            5x5, 2 groups in 2012
    pool2     13 x 13                  13 x 13, normalized      3x3 maximum, stride 2
    conv3     13 x 13 x 384            13 x 13 x 384            3x3
    conv4     13 x 13 x 256            13 x 13 x 384            3x3, 2 groups in 2012
    conv5     13 x 13 x 256            13 x 13 x 256            3x3, 2 groups in 2012
    pool5      6 x  6                   6 x  6                  3x3 maximum, stride 2
    average    6 x  6                   6 x  6                  for other sizes of images
    dense1    4096                     4096
    dense2    4096                     4096
    logits    1000                     1000
              61,100,840 parameters    60,965,224 (62,378,344 without groups)

The network of 2012 was split over two GPUs, hence its groups, and normalizes the inputs of its
first two pools over neighboring channels. That of 2014 is torchvision's: it pads conv1 by 2 and has
dropout before dense1 and dense2, while that of 2012 has it after them.

References:
    Krizhevsky, Sutskever and Hinton, *ImageNet classification with deep convolutional neural
    networks*, NeurIPS 2012, section 3. Krizhevsky, *One weird trick for parallelizing convolutional
    neural networks*, 2014, arXiv:1404.5997.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F

from .blocks import Style, check_classes, check_images, drop_values, head, last

# The fewest positions of conv1 on an axis that leave one after the three pools: 15, 7, 3, 1.
FEWEST = {"stride": 15, "blur": 5, "polyphase": 8}


@dataclass(frozen=True)
class Variant:
    """The differences between the networks of the two years.

    Attributes:
        channels: of the five convolutions.
        padding: of the first one.
        groups: of the second, fourth and fifth, as published.
        normalized: whether the channels are normalized before the first two pools.
        drops_outputs: whether dropout comes after the two hidden dense layers, not before them.
        hidden: features of each of those layers.
    """

    channels: tuple[int, int, int, int, int]
    padding: int
    groups: int
    normalized: bool
    drops_outputs: bool
    hidden: int = 4096


VARIANTS = {
    "2014": Variant((64, 192, 384, 256, 256), 2, 1, normalized=False, drops_outputs=False),
    "2012": Variant((96, 256, 384, 384, 256), 0, 2, normalized=True, drops_outputs=True),
}


def alexnet(
    *,
    variant: str = "2014",
    num_classes: int | None = 1000,
    in_channels: int = 3,
    groups: int | None = None,
    downsample: str = "stride",
    dropout: float = 0.5,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "AlexNet":
    """Make an AlexNet.

    ```
    >>> from flax import nnx
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda: alexnet(num_classes=10, rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        variant: ``"2014"``, torchvision's; ``"2012"``, the first one.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        groups: 1 or 2, of the second, fourth and fifth convolution; None is as published: 2 for
            2012, 1 for 2014.
        downsample: how the pools halve their maps: ``"stride"``; or without aliasing, ``"blur"`` or
            ``"polyphase"`` after a pool of stride 1 (conv1 keeps its stride of 4, as in Zhang 2019,
            arXiv:1904.11486). Polyphase needs images for which the height and width of conv1 are
            multiples of 8, such as 227x227 for 2014.
        dropout: the probability of dropping a value at each of the two hidden dense layers, while
            training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Krizhevsky, Sutskever and Hinton, *ImageNet classification with deep convolutional neural
        networks*, NeurIPS 2012.
    """
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    if arguments.one_of("groups", groups, (None, 1, 2)) is not None:
        shape = replace(shape, groups=groups)
    style = Style(downsample=downsample, dropout=dropout, dtype=dtype)
    return AlexNet(shape, num_classes, in_channels, style, rngs)


class AlexNet(nnx.Module):
    """An AlexNet; see `alexnet`, which makes one."""

    HEAD = ("dense1", "dense2", "logits")

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        in_channels: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.variant, self.in_channels, self.style = variant, in_channels, style
        self.least = (FEWEST[style.downsample] - 1) * 4 + 11 - 2 * variant.padding
        init = nn.for_activation("relu")
        conv = partial(nn.Conv, kernel_init=init, dtype=style.dtype, rngs=rngs)
        dense = partial(nnx.Linear, kernel_init=init, dtype=style.dtype, rngs=rngs)
        groups = variant.groups
        one, two, three, four, five = variant.channels
        self.conv1 = conv(in_channels, one, (11, 11), stride=4, padding=variant.padding)
        self.conv2 = conv(one, two, (5, 5), padding=2, groups=groups)
        self.conv3 = conv(two, three, (3, 3), padding=1)
        self.conv4 = conv(three, four, (3, 3), padding=1, groups=groups)
        self.conv5 = conv(four, five, (3, 3), padding=1, groups=groups)
        if num_classes is not None:
            self.dense1 = dense(6 * 6 * five, variant.hidden)
            self.dense2 = dense(variant.hidden, variant.hidden)
        self.logits = head(variant.hidden, num_classes, style.dtype, rngs)
        self.dropout = drop_values(style.dropout, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            conv1, pool1, conv2, pool2, conv3, conv4, conv5, pool5, average: (*batch, height, width,
            channels), after the activation. dense1, dense2, logits: (*batch, features). The dropout
            of 2012 is included in dense1 and dense2, that of 2014 comes before them.

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for its pools.
        """
        check_images(images, self.in_channels, (self.least, self.least), "pool5")
        normalize = local_response_normalization if self.variant.normalized else _nothing
        pool = partial(self.style.max_pool, window=3, stride=2, padding=0)
        maps = {}
        maps["conv1"] = jax.nn.relu(self.conv1(self.style.cast(images)))
        maps["pool1"] = pool(normalize(maps["conv1"]))
        maps["conv2"] = jax.nn.relu(self.conv2(maps["pool1"]))
        maps["pool2"] = pool(normalize(maps["conv2"]))
        maps["conv3"] = jax.nn.relu(self.conv3(maps["pool2"]))
        maps["conv4"] = jax.nn.relu(self.conv4(maps["conv3"]))
        maps["conv5"] = jax.nn.relu(self.conv5(maps["conv4"]))
        maps["pool5"] = pool(maps["conv5"])
        if self.logits is None:
            return maps
        before, after = self.dropout, _nothing
        if self.variant.drops_outputs:
            before, after = after, before
        maps["average"] = F.adaptive_avg_pool(maps["pool5"], (6, 6))
        flat = maps["average"].reshape(*images.shape[:-3], -1)
        maps["dense1"] = after(jax.nn.relu(self.dense1(before(flat))))
        maps["dense2"] = after(jax.nn.relu(self.dense2(before(maps["dense1"]))))
        maps["logits"] = self.logits(maps["dense2"])
        return maps


def local_response_normalization(x: jax.Array) -> jax.Array:
    """Divide each channel by a function of its and its neighbors' squares, at each position.

    ``y[c] = x[c] / (2 + 1e-4 * sum over i from c - 2 to c + 2 of x[i]^2) ** 0.75``, with the
    constants of the paper.

    Args:
        x: (*batch, height, width, channels).

    Returns:
        The same shape and dtype.

    References:
        Krizhevsky, Sutskever and Hinton, 2012, section 3.3.
    """
    wide = x.astype(jnp.float32) if x.dtype.itemsize < 4 else x
    # Pool over the channels, as a spatial axis with one channel.
    strength = F.sum_pool(jnp.square(wide)[..., None], (5,), stride=1, padding=2)[..., 0]
    return (wide * (2 + 1e-4 * strength) ** -0.75).astype(x.dtype)


def _nothing(x: jax.Array) -> jax.Array:
    return x
