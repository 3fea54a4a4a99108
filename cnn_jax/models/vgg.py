"""VGG: 3x3 convolutions and nothing else, in five stages that end with a pool.

    stage     output (224x224 input)   convolutions of vgg11 / 13 / 16 / 19
    stage1    224 x 224 x  64          1 / 2 / 2 / 2
    stage2    112 x 112 x 128          1 / 2 / 2 / 2
    stage3     56 x  56 x 256          2 / 2 / 3 / 4
    stage4     28 x  28 x 512          2 / 2 / 3 / 4
    stage5     14 x  14 x 512          2 / 2 / 3 / 4
    average     7 x   7 x 512          the fifth pool's output; other sizes are averaged to this
    dense1    4096
    dense2    4096
    logits    1000

After each stage a 2x2 maximum halves the map. These are the paper's configurations A, B, D and E;
its networks have no batch normalization, which torchvision's ``vgg11_bn`` and so on have. With
`channels` all stages are narrower or wider in the same proportion, 1 : 2 : 4 : 8 : 8.

References:
    Simonyan and Zisserman, *Very deep convolutional networks for large-scale image recognition*,
    2014, arXiv:1409.1556, table 1. Zhang et al., *Dive into Deep Learning*, section 8.2, which has
    a VGG-11 of 16 channels.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_classes, check_images, drop_values, head, last


@dataclass(frozen=True)
class Variant:
    """How many convolutions each stage has, and how wide the network is.

    Attributes:
        convolutions: in each stage.
        channels: of each stage.
        hidden: features of each of the two hidden dense layers.
    """

    convolutions: tuple[int, int, int, int, int]
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    hidden: int = 4096


WIDTHS = (1, 2, 4, 8, 8)  # channels of each stage, in units of those of the first
VARIANTS = {
    "vgg11": Variant((1, 1, 2, 2, 2)),
    "vgg13": Variant((2, 2, 2, 2, 2)),
    "vgg16": Variant((2, 2, 3, 3, 3)),
    "vgg19": Variant((2, 2, 4, 4, 4)),
}


def vgg(
    variant: str,
    *,
    num_classes: int | None = 1000,
    in_channels: int = 3,
    channels: int = 64,
    norm: str = "none",
    downsample: str = "stride",
    padding_mode: PaddingMode = "zeros",
    dropout: float = 0.5,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "VGG":
    """Make a VGG; `vgg11` to `vgg19` name the variant, `vgg11_bn` to `vgg19_bn` normalize.

    ```
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda: vgg11(num_classes=10, rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        channels: of the first stage; the others have 2, 4, 8 and 8 times as many.
        norm: after each convolution: ``"none"``, ``"batch"`` or ``"group"`` (32 groups). The
            convolutions have biases in any case, as torchvision's have.
        downsample: how maps are halved: ``"stride"``; or without aliasing, ``"blur"`` or
            ``"polyphase"`` after a pool of stride 1. Polyphase needs a size that halves evenly 5
            times.
        padding_mode: how the images and maps are padded: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        dropout: the probability of dropping a value after each of the two hidden dense layers,
            while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Simonyan and Zisserman, *Very deep convolutional networks for large-scale image
        recognition*, 2014, arXiv:1409.1556.
    """
    first = arguments.integer("channels", channels, at_least=1)
    shape = replace(
        VARIANTS[arguments.one_of("variant", variant, VARIANTS)],
        channels=tuple(first * width for width in WIDTHS),
    )
    style = Style(
        norm=norm, downsample=downsample, padding_mode=padding_mode, dropout=dropout, dtype=dtype
    )
    return VGG(shape, num_classes, in_channels, style, rngs)


class VGG(nnx.Module):
    """A VGG; see `vgg`, which makes one."""

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
        self.in_channels, self.style = in_channels, style
        channels = in_channels
        for stage, (number, width) in enumerate(zip(variant.convolutions, variant.channels)):
            chain = []
            for _ in range(number):
                chain.append(Layer(channels, width, style, rngs))
                channels = width
            setattr(self, f"stage{stage + 1}", nnx.Sequential(*chain))
        if num_classes is not None:
            hidden, init = variant.hidden, nn.for_activation("relu")
            dense = partial(nnx.Linear, kernel_init=init, dtype=style.dtype, rngs=rngs)
            self.dense1 = dense(7 * 7 * channels, hidden)
            self.dense2 = dense(hidden, hidden)
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
            stage1, pool1, stage2, ..., pool5, average: (*batch, height, width, channels). dense1,
            dense2 (with their dropout), logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for its pools.
        """
        least = 32
        if self.style.downsample == "blur":  # it rounds sizes up; a reflection needs 2 positions
            least = 17 if self.style.padding_mode in ("zeros", "reflect") else 1
        check_images(images, self.in_channels, (least, least), "pool5")
        maps, x = {}, self.style.cast(images)
        for stage in range(1, 6):
            maps[f"stage{stage}"] = x = getattr(self, f"stage{stage}")(x)
            maps[f"pool{stage}"] = x = self.style.max_pool(x, 2, 2, 0)
        if self.logits is None:
            return maps
        maps["average"] = F.adaptive_avg_pool(x, (7, 7))
        flat = maps["average"].reshape(*images.shape[:-3], -1)
        maps["dense1"] = self.dropout(jax.nn.relu(self.dense1(flat)))
        maps["dense2"] = self.dropout(jax.nn.relu(self.dense2(maps["dense1"])))
        maps["logits"] = self.logits(maps["dense2"])
        return maps


class Layer(nnx.Module):
    """A 3x3 convolution with a bias, a normalization, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, style: Style, rngs: nnx.Rngs):
        self.conv = nn.Conv(
            in_channels,
            out_channels,
            (3, 3),
            padding=1,
            padding_mode=style.padding_mode,
            dtype=style.dtype,
            rngs=rngs,
        )
        self.norm = style.normalization(out_channels, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, in_channels) to (*batch, height, width, out_channels)."""
        return jax.nn.relu(self.norm(self.conv(x)))


vgg11 = partial(vgg, "vgg11")
vgg13 = partial(vgg, "vgg13")
vgg16 = partial(vgg, "vgg16")
vgg19 = partial(vgg, "vgg19")
vgg11_bn = partial(vgg, "vgg11", norm="batch")
vgg13_bn = partial(vgg, "vgg13", norm="batch")
vgg16_bn = partial(vgg, "vgg16", norm="batch")
vgg19_bn = partial(vgg, "vgg19", norm="batch")
