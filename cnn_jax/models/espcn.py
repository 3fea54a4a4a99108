"""ESPCN: an image becomes larger only in the last step, which moves channels into places.

    layer              output (h x w, scale 3)   parameters
    conv1   5x5, tanh    h x  w x 64                  1,664
    conv2   3x3, tanh    h x  w x 32                 18,464
    conv3   3x3          h x  w x 9                   2,601
    image   to space    3h x 3w x 1                       0
                                                     22,729

Every convolution runs on the small image: for scale 3 at a ninth of the cost. The last one has
scale ** 2 channels for each channel of the image, and `functional.depth_to_space` puts them beside
each other ("sub-pixel convolution"). For scale 2 there are 21,284 parameters, for scale 4 24,752.

References:
    Shi, Caballero, Huszár, Totz, Aitken, Bishop, Rueckert and Wang, *Real-time single image and
    video super-resolution using an efficient sub-pixel convolutional neural network*, 2016,
    arXiv:1609.05158, section 3.
"""

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_images, check_rngs, last


def espcn(
    *,
    scale: int = 3,
    in_channels: int = 1,
    activation: str = "tanh",
    padding_mode: PaddingMode = "zeros",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "ESPCN":
    """Make an ESPCN.

    ```
    >>> import jax.numpy as jnp
    >>> model = espcn(scale=3, rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 10, 12, 1))).shape
    (1, 30, 36, 1)

    ```

    Args:
        scale: how many times as high and wide images become.
        in_channels: channels of the images: 1, for luma alone, as published, or 3 for color.
        activation: ``"tanh"``, as published, ``"relu"`` or ``"sigmoid"``; it decides the
            initialization too.
        padding_mode: what is around the feature maps, see `functional.pad`.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Shi et al., *Real-time single image and video super-resolution*, 2016, arXiv:1609.05158.
    """
    scale = arguments.integer("scale", scale, at_least=1)
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    style = Style(activation=activation, padding_mode=padding_mode, dtype=dtype)
    return ESPCN(scale, in_channels, style, rngs)


class ESPCN(nnx.Module):
    """An ESPCN; see `espcn`, which makes one."""

    HEAD = ()

    def __init__(self, scale: int, in_channels: int, style: Style, rngs: nnx.Rngs):
        check_rngs(rngs)
        self.scale, self.in_channels, self.style = scale, in_channels, style

        def conv(inputs: int, outputs: int, window: int, init: str) -> nn.Conv:
            return nn.Conv(
                inputs,
                outputs,
                (window, window),
                padding=window // 2,
                padding_mode=style.padding_mode,
                kernel_init=nn.for_activation(init),
                dtype=style.dtype,
                rngs=rngs,
            )

        self.conv1 = conv(in_channels, 64, 5, style.activation)
        self.conv2 = conv(64, 32, 3, style.activation)
        self.conv3 = conv(32, scale**2 * in_channels, 3, "tanh")  # no activation follows: Xavier's

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, h, w, channels) to (*batch, scale * h, scale * w, channels)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: small ones, (*batch, height, width, channels), of at least 3x3 if they are
                padded by reflection, else of any size.

        Returns:
            conv1, conv2, conv3: (*batch, height, width, channels). image: (*batch, scale * height,
            scale * width, in_channels).

        Raises:
            ValueError: if the images have another rank or other channels than the network.
        """
        check_images(images, self.in_channels, (1, 1))
        maps = {"conv1": self.style.activate(self.conv1(self.style.cast(images)))}
        maps["conv2"] = self.style.activate(self.conv2(maps["conv1"]))
        maps["conv3"] = self.conv3(maps["conv2"])
        maps["image"] = F.depth_to_space(maps["conv3"], (self.scale, self.scale))
        return maps
