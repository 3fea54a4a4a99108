"""DCGAN: a generator makes images of random numbers, a discriminator says which images are real.

    generator (64 x 64)       output          parameters
    project  dense, norm       4 x  4 x 1024   1,640,448
    up1      5x5, x2, norm     8 x  8 x  512  13,108,224
    up2      5x5, x2, norm    16 x 16 x  256   3,277,312
    up3      5x5, x2, norm    32 x 32 x  128     819,456
    image    5x5, x2, tanh    64 x 64 x    3       9,600
                                              18,855,040
    discriminator
    conv1    5x5/2            32 x 32 x  128       9,600
    conv2    5x5/2, norm      16 x 16 x  256     819,712
    conv3    5x5/2, norm       8 x  8 x  512   3,277,824
    conv4    5x5/2, norm       4 x  4 x 1024  13,109,248
    logit    dense             1                  16,384
                                              17,232,768

The generator doubles maps with transposed convolutions of stride 2, the discriminator halves them
with convolutions of stride 2. There is no pooling. Batch normalization comes after every layer but
the generator's last and the discriminator's first and last; then ReLU in the generator, and in the
discriminator a leaky ReLU of slope 0.2. No layer has a bias, as in the authors' code. The paper has
no counts: these are of the layers of its Figure 1.

Smaller images have fewer layers: 32 x 32 begins at 4 x 4 with three doublings, 28 x 28 at 7 x 7
with two. For gray images of 28 x 28 there are 2,077,568 and 835,456 parameters.

References:
    Radford, Metz and Chintala, *Unsupervised representation learning with deep convolutional
    generative adversarial networks*, 2016, arXiv:1511.06434, section 3 and Figure 1.
    Goodfellow et al., *Generative adversarial networks*, 2014, arXiv:1406.2661.
"""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import normal
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_image_size, check_latents, check_rngs, last

NORMAL = nn.flat(normal(0.02))  # all first weights, as published
SLOPE = 0.2  # of the leaky ReLU below 0


def dcgan(
    *,
    size: int = 64,
    in_channels: int = 3,
    channels: int = 128,
    latent: int = 100,
    window: int = 5,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "DCGAN":
    """Make a DCGAN: both networks.

    ```
    >>> model = dcgan(size=28, in_channels=1, channels=8, rngs=nnx.Rngs(0))
    >>> images = model.generator(jnp.zeros((2, 100)))
    >>> images.shape, model.discriminator(images).shape
    ((2, 28, 28, 1), (2,))

    ```

    Args:
        size: height and width of the images, an even number; it is halved as long as it is even
            and above 4.
        in_channels: channels of the images.
        channels: of the largest feature maps; each that is half as high and wide has twice as many.
        latent: how many random numbers an image is made of.
        window: height and width of the convolutions' windows, at least 2. Of an even one, such as
            4, equally many taps reach each pixel of a doubled map; of 5, unequally many.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The two networks, in training mode: call `eval()` before looking at what they compute.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if a number is too small, or `size` is odd.

    References:
        Radford, Metz and Chintala, *Unsupervised representation learning with deep convolutional
        generative adversarial networks*, 2016, arXiv:1511.06434.
    """
    if arguments.integer("size", size, at_least=6) % 2:
        raise ValueError(f"`size` must be even, to be halved; got {size}.")
    arguments.integer("window", window, at_least=2)
    counts = {"in_channels": in_channels, "channels": channels, "latent": latent}
    for name, count in counts.items():
        arguments.integer(name, count, at_least=1)
    check_rngs(rngs)
    sides = _halved(size)
    return DCGAN(sides, in_channels, channels, latent, window, Style(dtype=dtype), rngs)


class DCGAN(nnx.Module):
    """A generator and a discriminator; see `dcgan`, which makes them.

    Attributes:
        generator: maps latents to images.
        discriminator: maps images to logits.
    """

    HEAD = ()

    def __init__(
        self,
        sides: tuple[int, ...],
        in_channels: int,
        channels: int,
        latent: int,
        window: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        widths = tuple(channels * 2**number for number in range(len(sides) - 1))
        self.latent = latent
        self.generator = Generator(sides, in_channels, widths, latent, window, style, rngs)
        self.discriminator = Discriminator(sides, in_channels, widths, window, style, rngs)

    def __call__(self, latents: jax.Array) -> jax.Array:
        """Map latents (*batch, latent) to images (*batch, size, size, channels) in [-1, 1]."""
        return self.generator(latents)

    def feature_maps(self, latents: jax.Array) -> dict[str, jax.Array]:
        """The outputs of every layer of both networks by name: the made images are judged.

        Args:
            latents: (*batch, latent).

        Returns:
            The generator's maps, `image` the last of them, and then the discriminator's, `logit`
            the last.

        Raises:
            ValueError: if the latents are another number than the network was made for.
        """
        made = self.generator.feature_maps(latents)
        return {**made, **self.discriminator.feature_maps(made["image"])}


class Generator(nnx.Module):
    """The network that makes images; see `dcgan`."""

    def __init__(
        self,
        sides: tuple[int, ...],
        in_channels: int,
        widths: tuple[int, ...],
        latent: int,
        window: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.latent, self.style, self.first = latent, style, (sides[-1], sides[-1], widths[-1])
        options = {"use_bias": False, "dtype": style.dtype, "rngs": rngs}
        units = sides[-1] ** 2 * widths[-1]
        self.project = nnx.Linear(latent, units, kernel_init=NORMAL, **options)
        self.norm = style.normalization(widths[-1], rngs)
        outputs = [*reversed(widths[:-1]), in_channels]
        ups, norms = [], []
        for inputs, width in zip(reversed(widths), outputs):
            up = nn.ConvTranspose(
                inputs,
                width,
                (window, window),
                stride=2,
                padding=(window - 1) // 2,
                output_padding=window % 2,
                kernel_init=NORMAL,
                **options,
            )
            ups.append(up)
            norms.append(style.normalization(width, rngs))
        self.ups, self.norms = nnx.Sequential(*ups), nnx.Sequential(*norms[:-1])

    def __call__(self, latents: jax.Array) -> jax.Array:
        """Map latents (*batch, latent) to images (*batch, size, size, channels) in [-1, 1]."""
        return last(self.feature_maps(latents))

    def feature_maps(self, latents: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name: project, up1 and so on, image."""
        check_latents(latents, self.latent)
        x = self.project(self.style.cast(latents)).reshape(*jnp.shape(latents)[:-1], *self.first)
        maps = {"project": jax.nn.relu(self.norm(x))}
        *ups, to_image = self.ups.layers
        for number, (up, norm) in enumerate(zip(ups, self.norms.layers), 1):
            maps[f"up{number}"] = jax.nn.relu(norm(up(last(maps))))
        maps["image"] = jnp.tanh(to_image(last(maps)))
        return maps


class Discriminator(nnx.Module):
    """The network that tells real images from made ones; see `dcgan`."""

    def __init__(
        self,
        sides: tuple[int, ...],
        in_channels: int,
        widths: tuple[int, ...],
        window: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.size, self.style = (sides[0], sides[0], in_channels), style
        conv = {"stride": 2, "padding": (window - 1) // 2, "kernel_init": NORMAL}
        leaky = partial(jax.nn.leaky_relu, negative_slope=SLOPE)
        layer = partial(style.layer(rngs, leaky), **conv)
        options = {"use_bias": False, "dtype": style.dtype, "rngs": rngs}
        self.conv1 = nn.Conv(in_channels, widths[0], (window, window), **options, **conv)
        others = (layer(i, o, (window, window)) for i, o in pairwise(widths))
        self.convs = nnx.Sequential(*others)
        units = sides[-1] ** 2 * widths[-1]
        self.logit = nnx.Linear(units, 1, kernel_init=NORMAL, **options)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, size, size, channels), in [-1, 1], to logits (*batch,) of real."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name: conv1 and so on, logit."""
        check_image_size(images, self.size)
        x = self.conv1(self.style.cast(images))
        maps = {"conv1": jax.nn.leaky_relu(x, SLOPE)}
        for number, conv in enumerate(self.convs.layers, 2):
            maps[f"conv{number}"] = conv(last(maps))
        x = last(maps)
        maps["logit"] = self.logit(x.reshape(*x.shape[:-3], -1))[..., 0]
        return maps


def _halved(size: int) -> tuple[int, ...]:
    """The sides of all maps, the image's first."""
    sides = [size]
    while sides[-1] % 2 == 0 and sides[-1] > 4:
        sides.append(sides[-1] // 2)
    return tuple(sides)
