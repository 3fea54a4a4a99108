"""GoogLeNet: windows of several sizes side by side, which 1x1 convolutions make affordable.

    stage          output (224x224)    1x1   3x3        5x5       pool
    conv1          112 x 112 x 64      7x7, stride 2
    pool1           56 x  56 x 64      3x3 maximum, stride 2, as pool2 and pool3
    conv2, conv3    56 x  56 x 192     1x1 64, 3x3 192
    pool2           28 x  28 x 192
    inception3a     28 x  28 x 256      64    96, 128   16,  32    32
    inception3b     28 x  28 x 480     128   128, 192   32,  96    64
    pool3           14 x  14 x 480
    inception4a     14 x  14 x 512     192    96, 208   16,  48    64
    inception4b     14 x  14 x 512     160   112, 224   24,  64    64
    inception4c     14 x  14 x 512     128   128, 256   24,  64    64
    inception4d     14 x  14 x 528     112   144, 288   32,  64    64
    inception4e     14 x  14 x 832     256   160, 320   32, 128   128
    pool4            7 x   7 x 832     2x2 (3x3 in the paper)
    inception5a      7 x   7 x 832     256   160, 320   32, 128   128
    inception5b      7 x   7 x 1024    384   192, 384   48, 128   128
    features       1024                the mean of each map
    logits         1000

The numbers are channels. Where there are two, a 1x1 convolution first reduces the channels to the
first number. The four branches have the same input; their outputs are concatenated. While training,
two small classifiers after inception4a and inception4d add to the gradient of the layers before.

This is torchvision's network, which differs from the paper's: batch normalization in place of local
response normalization, 3x3 windows in place of 5x5, pool4, the means in the two classifiers (4 x 4
adaptive windows in place of 5x5 ones of stride 3), dropout of 0.2 in place of 0.4. With `five` and
`norm` it has the paper's parameters. torchvision's `transform_input`, which normalizes images
again, is not part of the network.

References:
    Szegedy et al., *Going deeper with convolutions*, 2014, arXiv:1409.4842, table 1.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F

from .blocks import ConvNorm, Style, check_classes, check_images, drop_values, head, last

Widths = tuple[int, int, int, int, int, int]
STAGES = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
# What follows some of the stages: a pool, with its window; a classifier.
POOLS = {"3b": ("pool3", 3), "4e": ("pool4", 2)}
CLASSIFIERS = {"4a": "aux1", "4d": "aux2"}
FIVES = {"3x3": 3, "5x5": 5}
EPSILON = 1e-3  # of batch normalization, torchvision's


@dataclass(frozen=True)
class Variant:
    """The channels of the layers, the auxiliary classifiers, and the window of the third branch."""

    stem: tuple[int, int] = (64, 192)
    inceptions: tuple[Widths, ...] = (
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
        (256, 160, 320, 32, 128, 128),
        (384, 192, 384, 48, 128, 128),
    )
    auxiliary: tuple[int, int] = (128, 1024)  # of the 1x1 convolution and of the dense layer
    has_auxiliary: bool = True
    auxiliary_dropout: float = 0.7
    five: str = "3x3"  # window of the third branch


def googlenet(
    *,
    num_classes: int | None = 1000,
    in_channels: int = 3,
    five: str = "3x3",
    norm: str = "batch",
    auxiliary: bool = True,
    dropout: float = 0.2,
    auxiliary_dropout: float = 0.7,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "GoogLeNet":
    """Make a GoogLeNet.

    The paper trains it with the loss of the logits plus 0.3 times the losses of aux1 and aux2, see
    `feature_maps`.

    ```
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda: googlenet(num_classes=10, rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        five: the window of the third branch, called 5x5 in the paper: ``"3x3"``, as torchvision
            (and its weights), or ``"5x5"``.
        norm: ``"batch"``, ``"group"`` (32 groups) or ``"none"``, as the paper.
        auxiliary: whether to have the two classifiers; torchvision's weights hold them.
        dropout: the probability of dropping a feature before the logits, while training.
        auxiliary_dropout: the same for the hidden features of the two classifiers.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    rate = arguments.number("auxiliary_dropout", auxiliary_dropout, at_least=0, below=1)
    shape = replace(
        Variant(),
        has_auxiliary=arguments.flag("auxiliary", auxiliary),
        auxiliary_dropout=rate,
        five=arguments.one_of("five", five, FIVES),
    )
    style = Style(norm=norm, epsilon=EPSILON, dropout=dropout, dtype=dtype)
    return GoogLeNet(shape, num_classes, in_channels, style, rngs)


class GoogLeNet(nnx.Module):
    """A GoogLeNet; see `googlenet`, which makes one."""

    HEAD = ("aux1", "aux2", "logits")

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        in_channels: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.has_auxiliary = variant.has_auxiliary and num_classes is not None
        self.in_channels, self.style = in_channels, style
        layer, (first, channels) = style.layer(rngs), variant.stem
        self.conv1 = layer(in_channels, first, 7, stride=2)
        self.conv2 = layer(first, first, 1)
        self.conv3 = layer(first, channels, 3)
        for name, widths in zip(STAGES, variant.inceptions, strict=True):
            inception = Inception(channels, widths, FIVES[variant.five], layer)
            setattr(self, f"inception{name}", inception)
            channels = inception.out_channels
            if num_classes is not None and variant.has_auxiliary and name in CLASSIFIERS:
                classifier = Auxiliary(channels, variant, num_classes, style, rngs)
                setattr(self, CLASSIFIERS[name], classifier)
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = head(channels, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of at least 15x15.

        Returns:
            conv1, pool1, conv2, conv3, pool2, inception3a, inception3b, pool3, inception4a to
            inception4e, pool4, inception5a, inception5b: (*batch, height, width, channels).
            features, logits, and while training aux1 and aux2 too: (*batch, features).

        Raises:
            ValueError: if the images are too small, or have other channels than the network.
        """
        check_images(images, self.in_channels, (15, 15), "pool3")
        with_classifiers = self.has_auxiliary and not self.dropout.deterministic
        maps = {}
        maps["conv1"] = self.conv1(self.style.cast(images))
        maps["pool1"] = shrink(maps["conv1"], 3)
        maps["conv2"] = self.conv2(maps["pool1"])
        maps["conv3"] = self.conv3(maps["conv2"])
        maps["pool2"] = x = shrink(maps["conv3"], 3)
        for name in STAGES:
            x = maps[f"inception{name}"] = getattr(self, f"inception{name}")(x)
            if name in CLASSIFIERS and with_classifiers:
                maps[CLASSIFIERS[name]] = getattr(self, CLASSIFIERS[name])(x)
            if name in POOLS:
                pool, window = POOLS[name]
                x = maps[pool] = shrink(x, window)
        if self.logits is not None:
            maps["features"] = F.global_avg_pool(x, spatial_rank=2)
            maps["logits"] = self.logits(self.dropout(maps["features"]))
        return maps


def shrink(x: jax.Array, window: int) -> jax.Array:
    """Max pooling of stride 2, whose last window may extend beyond the end of `x`."""
    return F.max_pool(x, (window, window), stride=2, ceil_mode=True)


class Inception(nnx.Module):
    """Four branches of the same input: 1x1; 1x1, 3x3; 1x1, 5x5; 3x3 maximum, 1x1."""

    def __init__(self, channels: int, widths: Widths, five: int, layer: partial[ConvNorm]):
        one, reduce_three, three, reduce_five, fifth, project = widths
        self.one = layer(channels, one, 1)
        self.reduce_three = layer(channels, reduce_three, 1)
        self.three = layer(reduce_three, three, 3)
        self.reduce_five = layer(channels, reduce_five, 1)
        self.five = layer(reduce_five, fifth, five)
        self.project = layer(channels, project, 1)
        self.out_channels = one + three + fifth + project

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height, width, out_channels)."""
        three, five = self.three(self.reduce_three(x)), self.five(self.reduce_five(x))
        pooled = self.project(F.max_pool(x, (3, 3), stride=1, padding=1))
        return jnp.concatenate((self.one(x), three, five, pooled), axis=-1)


class Auxiliary(nnx.Module):
    """A classifier of an inner feature map: means, a 1x1 convolution, two dense layers."""

    def __init__(self, channels: int, variant: Variant, classes: int, style: Style, rngs: nnx.Rngs):
        inner, hidden = variant.auxiliary
        self.conv = style.layer(rngs)(channels, inner, 1)
        self.dense = nnx.Linear(4 * 4 * inner, hidden, dtype=style.dtype, rngs=rngs)
        self.dropout = drop_values(variant.auxiliary_dropout, rngs)
        self.logits = nnx.Linear(hidden, classes, dtype=style.dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to logits (*batch, num_classes)."""
        x = self.conv(F.adaptive_avg_pool(x, (4, 4)))
        hidden = jax.nn.relu(self.dense(x.reshape(*x.shape[:-3], -1)))
        return self.logits(self.dropout(hidden))
