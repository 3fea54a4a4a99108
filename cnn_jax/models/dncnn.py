"""DnCNN: a network that says what the noise in an image is, and subtracts it.

    layer                  output (any size)   parameters
    conv1     3x3, ReLU    h x w x 64                 576
    conv2     3x3, batch norm, ReLU                36,992
    ...       alike                               36,992 each, 15 in all
    conv17    3x3          h x w x 1                  576
    image     what came in, minus conv17                0
                                                  556,032

A unit of the last layer sees 2 * depth + 1 pixels on each axis: 35, as far as the classical methods
that were the best before. Fewer layers see as far if they are dilated: the seven of IRCNN, by 1, 2,
3, 4, 3, 2 and 1, see 33. No convolution has a bias. The network of one level of noise ("S") has 17
layers; that of all levels up to 55 ("B", blind) has 20.

References:
    Zhang, Zuo, Chen, Meng and Zhang, *Beyond a Gaussian denoiser: residual learning of deep CNN for
    image denoising*, 2017, arXiv:1608.03981, section III. Zhang, Zuo, Gu and Zhang, *Learning deep
    CNN denoiser prior for image restoration*, 2017, arXiv:1704.03264, section 4.1 (IRCNN).
"""

from collections.abc import Sequence
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax.arguments import shown
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_images, check_rngs, last

SMALL = nn.variance_scaling(1e-4, distribution="normal")


def dncnn(
    *,
    depth: int = 17,
    channels: int = 64,
    in_channels: int = 1,
    dilations: Sequence[int] | None = None,
    norm: str = "batch",
    padding_mode: PaddingMode = "zeros",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "DnCNN":
    """Make a DnCNN.

    ```
    >>> import jax.numpy as jnp
    >>> noisy = jnp.zeros((1, 40, 40, 1))
    >>> nnx.eval_shape(lambda: dncnn(rngs=nnx.Rngs(0))(noisy)).shape
    (1, 40, 40, 1)

    ```

    Args:
        depth: the number of convolutions, at least 2.
        channels: of all feature maps between them.
        in_channels: channels of the images: 1 for gray ones, 3 for color.
        dilations: of the convolutions, first to last, `depth` of them; None for 1, as published.
        norm: ``"batch"``, as published, ``"group"`` or ``"none"``, after all convolutions but the
            first and the last; with ``"none"`` those have a bias.
        padding_mode: what is around the feature maps, see `functional.pad`.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Zhang et al., *Beyond a Gaussian denoiser*, 2017, arXiv:1608.03981.
    """
    depth = arguments.integer("depth", depth, at_least=2)
    channels = arguments.integer("channels", channels, at_least=1)
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    dilations = (1,) * depth if dilations is None else tuple(dilations)
    if len(dilations) != depth:
        raise ValueError(f"`dilations` must be `depth` ints, {depth}; got {shown(dilations)}.")
    dilations = tuple(arguments.integer("dilations", d, at_least=1) for d in dilations)
    style = Style(norm=norm, padding_mode=padding_mode, dtype=dtype)
    return DnCNN(dilations, channels, in_channels, style, rngs)


class DnCNN(nnx.Module):
    """A DnCNN; see `dncnn`, which makes one."""

    HEAD = ()

    def __init__(
        self,
        dilations: tuple[int, ...],
        channels: int,
        in_channels: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        check_rngs(rngs)
        self.depth, self.in_channels, self.style = len(dilations), in_channels, style
        conv = partial(
            nn.Conv,
            kernel_size=(3, 3),
            padding_mode=style.padding_mode,
            use_bias=False,
            dtype=style.dtype,
            rngs=rngs,
        )
        layer = style.layer(rngs)
        first, *middle, final = dilations
        self.first = conv(in_channels, channels, padding=first, dilation=first)
        self.middle = nnx.Sequential(*(layer(channels, channels, 3, dilation=d) for d in middle))
        # A new network changes the image little: what it says at first is far smaller than noise.
        self.last = conv(channels, in_channels, padding=final, dilation=final, kernel_init=SMALL)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map noisy images (*batch, height, width, channels) to clean ones of the same shape."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: (*batch, height, width, channels), of any size.

        Returns:
            conv1 to conv17 (or as many as there are): (*batch, height, width, channels), the last
            one the noise; image: without it.

        Raises:
            ValueError: if the images have another rank or other channels than the network.
        """
        check_images(images, self.in_channels, (1, 1))
        noisy = self.style.cast(images)
        maps = {"conv1": jax.nn.relu(self.first(noisy))}
        for number, layer in enumerate(self.middle.layers, 2):
            maps[f"conv{number}"] = layer(last(maps))
        maps[f"conv{self.depth}"] = noise = self.last(last(maps))
        maps["image"] = noisy - noise
        return maps
