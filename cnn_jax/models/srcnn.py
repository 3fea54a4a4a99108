"""SRCNN: three convolutions that sharpen an image, which interpolation has made large before.

    layer                 output      9-1-5        9-3-5        9-5-5
    conv1   ReLU      h x w x 64    9x9  5,248   9x9  5,248   9x9  5,248
    conv2   ReLU      h x w x 32    1x1  2,080   3x3 18,464   5x5 51,232
    conv3             h x w x 1     5x5    801   5x5    801   5x5    801
                                         8,129       24,513       57,281

Without the 97 biases, which the paper does not count, there are 8,032, 24,416 and 57,184. The
authors read the layers as classical steps: patches and their features, a mapping of features, the
mean of overlapping patches. They trained without padding; here the feature maps are padded, so that
the image keeps its size.

References:
    Dong, Loy, He and Tang, *Image super-resolution using deep convolutional networks*, 2014,
    arXiv:1501.00092, sections 3 and 4.3.
"""

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_images, check_rngs, last

WINDOWS = {"9-1-5": (9, 1, 5), "9-3-5": (9, 3, 5), "9-5-5": (9, 5, 5)}


def srcnn(
    variant: str = "9-1-5",
    *,
    in_channels: int = 1,
    padding_mode: PaddingMode = "zeros",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "SRCNN":
    """Make an SRCNN.

    ```
    >>> import jax.numpy as jnp
    >>> model = srcnn(rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 30, 36, 1))).shape
    (1, 30, 36, 1)

    ```

    Args:
        variant: the windows of the three layers: ``"9-1-5"``, ``"9-3-5"`` or ``"9-5-5"``.
        in_channels: channels of the images: 1, for luma alone, as published, or 3 for color.
        padding_mode: what is around the feature maps, see `functional.pad`.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Dong et al., *Image super-resolution using deep convolutional networks*, 2014,
        arXiv:1501.00092.
    """
    arguments.one_of("variant", variant, WINDOWS)
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    return SRCNN(variant, in_channels, Style(padding_mode=padding_mode, dtype=dtype), rngs)


class SRCNN(nnx.Module):
    """An SRCNN; see `srcnn`, which makes one."""

    HEAD = ()

    def __init__(self, variant: str, in_channels: int, style: Style, rngs: nnx.Rngs):
        check_rngs(rngs)
        self.in_channels, self.style = in_channels, style

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

        first, second, third = WINDOWS[variant]
        self.conv1 = conv(in_channels, 64, first, "relu")
        self.conv2 = conv(64, 32, second, "relu")
        self.conv3 = conv(32, in_channels, third, "tanh")  # no activation follows: Xavier's

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map enlarged images (*batch, height, width, channels) to sharper ones of that shape."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: (*batch, height, width, channels), enlarged before; of at least 5x5 if they are
                padded by reflection, else of any size.

        Returns:
            conv1, conv2 and image: (*batch, height, width, channels).

        Raises:
            ValueError: if the images have another rank or other channels than the network.
        """
        check_images(images, self.in_channels, (1, 1))
        maps = {"conv1": jax.nn.relu(self.conv1(self.style.cast(images)))}
        maps["conv2"] = jax.nn.relu(self.conv2(maps["conv1"]))
        maps["image"] = self.conv3(maps["conv2"])
        return maps
