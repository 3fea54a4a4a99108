"""SiamFC: one network embeds an object and a larger search image; their correlation finds it.

    layer                                 exemplar        search image      parameters (2016)
    input                                 127 x 127       255 x 255
    conv1   11x11, stride 2, norm, ReLU    59 x 59 x  96  123 x 123           34,848 + 192
    pool1   3x3 maximum, stride 2          29 x 29         61 x  61
    conv2   5x5, 2 groups, norm, ReLU      25 x 25 x 256   57 x  57          307,200 + 512
    pool2   3x3 maximum, stride 2          12 x 12         28 x  28
    conv3   3x3, norm, ReLU                10 x 10 x 384   26 x  26          884,736 + 768
    conv4   3x3, 2 groups, norm, ReLU       8 x  8 x 384   24 x  24          663,552 + 768
    conv5   3x3, 2 groups, norm             6 x  6 x 256   22 x  22          442,368 + 512
    response  gain * correlation + bias    17 x 17                                     + 2
                                                                           2,335,458

    siamfc_small: exemplar 32 x 32, search image 64 x 64, stride 4
    conv1   5x5, norm, ReLU                28 x 28 x  24   60 x  60            1,800 +  48
    pool1   2x2 maximum                    14 x 14         30 x  30
    conv2   3x3, norm, ReLU                12 x 12 x  48   28 x  28           10,368 +  96
    pool2   2x2 maximum                     6 x  6         14 x  14
    conv3   3x3, norm                       4 x  4 x  48   12 x  12           20,736 +  96
    response                                9 x  9                                     + 2
                                                                              33,146

Sizes and windows are those of the paper's Table 1, which counts the channels of one group of two:
192 for conv3 and conv4, 128 for conv5. No layer pads, so the embedding of a shifted image is the
shifted embedding, and the object is where the response has its peak. The paper has a bias in the
response; the authors' code has a factor before it, as here: a sum over a whole exemplar is large.

References:
    Bertinetto, Valmadre, Henriques, Vedaldi and Torr, *Fully-convolutional Siamese networks for
    object tracking*, 2016, arXiv:1606.09549, sections 2.2 and 3.1, Table 1.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F

from .blocks import Style, check_images, check_rngs, last


@dataclass(frozen=True)
class Variant:
    """The layers of a SiamFC.

    Attributes:
        convolutions: channels, window, stride and groups of each.
        pools: window of the maximum after each of the first convolutions, with stride 2.
        exemplar: height and width of an exemplar.
        search: of a search image.
        stride: pixels between two places of the response.
    """

    convolutions: tuple[tuple[int, int, int, int], ...]
    pools: tuple[int, ...]
    exemplar: int
    search: int
    stride: int


VARIANTS = {
    "2016": Variant(
        ((96, 11, 2, 1), (256, 5, 1, 2), (384, 3, 1, 1), (384, 3, 1, 2), (256, 3, 1, 2)),
        (3, 3),
        127,
        255,
        8,
    ),
    "small": Variant(((24, 5, 1, 1), (48, 3, 1, 1), (48, 3, 1, 1)), (2, 2), 32, 64, 4),
}


def siamfc(
    *,
    variant: str = "2016",
    in_channels: int = 3,
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "SiamFC":
    """Make a SiamFC.

    ```
    >>> exemplars, searches = jnp.zeros((2, 127, 127, 3)), jnp.zeros((2, 255, 255, 3))
    >>> nnx.eval_shape(lambda: siamfc(rngs=nnx.Rngs(0)).response(exemplars, searches)).shape
    (2, 17, 17)

    ```

    Args:
        variant: ``"2016"``, as published, or ``"small"``, ours, for objects of about 16 pixels.
        in_channels: channels of the images.
        norm: ``"batch"``, as published, ``"group"`` (32 groups) or ``"none"``, after each
            convolution; with ``"none"`` those have a bias.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes. Its
        `variant` has the sizes of both crops.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Bertinetto et al., *Fully-convolutional Siamese networks for object tracking*, 2016,
        arXiv:1606.09549.
    """
    layers = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    return SiamFC(layers, in_channels, Style(norm=norm, dtype=dtype), rngs)


siamfc_small = partial(siamfc, variant="small")


class SiamFC(nnx.Module):
    """A SiamFC; see `siamfc`, which makes one."""

    HEAD = ()

    def __init__(self, variant: Variant, in_channels: int, style: Style, rngs: nnx.Rngs):
        check_rngs(rngs)
        self.variant, self.in_channels, self.style = variant, in_channels, style
        inputs, count = in_channels, len(variant.convolutions)
        for number, (width, window, stride, groups) in enumerate(variant.convolutions, 1):
            options = {"activation": None} if number == count else {}
            conv = style.layer(rngs)(
                inputs, width, window, stride=stride, padding=0, groups=groups, **options
            )
            setattr(self, f"conv{number}", conv)
            inputs = width
        self.gain = nnx.Param(jnp.full((), 1e-3))
        self.bias = nnx.Param(jnp.zeros(()))

    def __call__(self, images: jax.Array) -> jax.Array:
        """Embed images (*batch, height, width, channels)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: exemplars or search images, (*batch, height, width, channels).

        Returns:
            conv1, pool1, conv2, pool2, conv3 and so on: (*batch, height, width, channels); the last
            one is the embedding.

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for it.
        """
        least = self.variant.exemplar
        check_images(images, self.in_channels, (least, least))
        maps, x = {}, self.style.cast(images)
        for number in range(1, len(self.variant.convolutions) + 1):
            x = maps[f"conv{number}"] = getattr(self, f"conv{number}")(x)
            if number <= len(self.variant.pools):
                window = (self.variant.pools[number - 1],) * 2
                x = maps[f"pool{number}"] = F.max_pool(x, window, stride=2)
        return maps

    def response(self, exemplars: jax.Array, searches: jax.Array) -> jax.Array:
        """How much each place of a search image looks like its exemplar.

        Args:
            exemplars: (*batch, height, width, channels).
            searches: larger images with the same batch axes.

        Returns:
            (*batch, rows, columns), the logits of the object being there; 17 x 17 as published.
        """
        return self.compare(self(exemplars), self(searches))

    def compare(self, exemplars: jax.Array, searches: jax.Array) -> jax.Array:
        """`response` of what is embedded already: a tracker embeds its exemplar once."""
        scores = correlate(searches, exemplars)
        return scores * self.gain[...].astype(scores.dtype) + self.bias[...].astype(scores.dtype)


def correlate(x: jax.Array, kernels: jax.Array) -> jax.Array:
    """Slide a kernel over each feature map: a kernel of its own for each example.

    ``y[n, p] = sum over taps t, channels c of x[n, p + t, c] * kernels[n, t, c]``

    It is `functional.conv` with one output channel, mapped over the examples by `jax.vmap`, which
    makes groups of them. The same with the examples moved into the channels by hand, and
    ``groups=n``, would transpose `x` first.

    Args:
        x: (*batch, height, width, channels).
        kernels: (*batch, rows, columns, channels), smaller.

    Returns:
        (*batch, height - rows + 1, width - columns + 1).

    Example:
        >>> x = jnp.arange(8.0).reshape(2, 1, 4, 1)
        >>> correlate(x, jnp.array([[1.0, 0], [0, 1]]).reshape(2, 1, 2, 1)).tolist()
        [[[0.0, 1.0, 2.0]], [[5.0, 6.0, 7.0]]]
    """
    if x.shape[:-3] != kernels.shape[:-3] or x.shape[-1] != kernels.shape[-1]:
        raise ValueError(
            "`kernels` must have the batch axes and channels of `x`, (*batch, height, width, "
            f"channels); got `x` {x.shape} and `kernels` {kernels.shape}."
        )
    batch = x.shape[:-3]
    maps = x.reshape(-1, *x.shape[-3:]), kernels.reshape(-1, *kernels.shape[-3:], 1)
    y = jax.vmap(F.conv)(*maps)[..., 0]
    return y.reshape(*batch, *y.shape[1:])
