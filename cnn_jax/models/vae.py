"""VAE: an encoder says where in a small space an image may lie, a decoder makes images of places.

    encoder                       output       parameters
    conv1         4x4/2, ReLU     14 x 14 x 32        544
    conv2         4x4/2, ReLU      7 x  7 x 64     32,832
    encoded       dense, ReLU     256             803,072
    mean          dense            20               5,140
    log_variance  dense            20               5,140
                                                  846,728
    decoder
    decoded       dense, ReLU     256               5,376
    project       dense, ReLU      7 x  7 x 64    805,952
    up1           4x4, x2, ReLU   14 x 14 x 32     32,800
    logits        4x4, x2         28 x 28 x  1        513
                                                  844,641

An image becomes a normal distribution with that mean and variance in every dimension ("latents"),
and the decoder sees a draw of it: `latents = mean + exp(log_variance / 2) * noise`. There are
1,691,369 parameters in all. The published networks are dense, with a hidden layer of 500 units and
2 to 200 latents; the convolutions are ours.

References:
    Kingma and Welling, *Auto-encoding variational Bayes*, 2014, arXiv:1312.6114, section 3 and
    appendix C.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_image_size, check_latents, check_rngs, last

WINDOW = 4  # with stride 2 four of its taps reach every pixel of a doubled map


def vae(
    *,
    size: int = 28,
    in_channels: int = 1,
    channels: int = 32,
    hidden: int = 256,
    latent: int = 20,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "VAE":
    """Make a variational autoencoder.

    ```
    >>> model = vae(channels=4, rngs=nnx.Rngs(0))
    >>> mean, log_variance = model.encode(jnp.zeros((2, 28, 28, 1)))
    >>> mean.shape, model.decode(mean).shape
    ((2, 20), (2, 28, 28, 1))

    ```

    Args:
        size: height and width of the images, a multiple of 4.
        in_channels: channels of the images.
        channels: of the maps of half the size; those of a quarter have twice as many.
        hidden: units of the dense layers.
        latent: dimensions of the latents.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if a number is too small, or `size` is no multiple of 4.

    References:
        Kingma and Welling, *Auto-encoding variational Bayes*, 2014, arXiv:1312.6114.
    """
    if arguments.integer("size", size, at_least=4) % 4:
        raise ValueError(f"`size` must be a multiple of 4; got {size}.")
    counts = {"in_channels": in_channels, "channels": channels, "hidden": hidden, "latent": latent}
    for name, count in counts.items():
        arguments.integer(name, count, at_least=1)
    check_rngs(rngs)
    return VAE(size, in_channels, channels, hidden, latent, Style(dtype=dtype), rngs)


class VAE(nnx.Module):
    """A variational autoencoder; see `vae`, which makes one."""

    HEAD = ()

    def __init__(
        self,
        size: int,
        in_channels: int,
        channels: int,
        hidden: int,
        latent: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.size, self.latent, self.style = (size, size, in_channels), latent, style
        self.smallest = size // 4, size // 4, 2 * channels
        units = (size // 4) ** 2 * 2 * channels

        def conv(inputs: int, outputs: int) -> nn.Conv:
            window = (WINDOW, WINDOW)
            options = {"stride": 2, "padding": 1, "dtype": style.dtype, "rngs": rngs}
            return nn.Conv(inputs, outputs, window, **options)

        def up(inputs: int, outputs: int) -> nn.ConvTranspose:
            init = nn.variance_scaling(8.0, distribution="normal", in_axis=-1, out_axis=-2)
            options = {"stride": 2, "padding": 1, "dtype": style.dtype, "rngs": rngs}
            return nn.ConvTranspose(inputs, outputs, (WINDOW, WINDOW), kernel_init=init, **options)

        def dense(inputs: int, outputs: int) -> nnx.Linear:
            return nnx.Linear(
                inputs, outputs, kernel_init=nn.for_activation("relu"), dtype=style.dtype, rngs=rngs
            )

        self.conv1, self.conv2 = conv(in_channels, channels), conv(channels, 2 * channels)
        self.encoded = dense(units, hidden)
        self.mean = nnx.Linear(hidden, latent, dtype=style.dtype, rngs=rngs)
        self.log_variance = nnx.Linear(hidden, latent, dtype=style.dtype, rngs=rngs)
        self.decoded, self.project = dense(latent, hidden), dense(hidden, units)
        self.up1, self.logits = up(2 * channels, channels), up(channels, in_channels)

    def __call__(self, images: jax.Array, noise: jax.Array | None = None) -> jax.Array:
        """Map images (*batch, size, size, channels) to logits of the same shape."""
        return last(self.feature_maps(images, noise))

    def encode(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return mean and log variance of images, (*batch, latent) each."""
        maps = self._encoder(images)
        return maps["mean"], maps["log_variance"]

    def decode(self, latents: jax.Array) -> jax.Array:
        """Map latents (*batch, latent) to logits (*batch, size, size, channels)."""
        return last(self._decoder(latents))

    def feature_maps(
        self, images: jax.Array, noise: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: (*batch, size, size, channels), in [0, 1].
            noise: (*batch, latent), standard normal; None takes the mean for the latents.

        Returns:
            The maps of the table, and `latents`, (*batch, latent), between encoder and decoder.

        Raises:
            ValueError: if the images or the noise have another shape than the network was made for.
        """
        maps = self._encoder(images)
        latents = maps["mean"]
        if noise is not None:
            check_latents(noise, self.latent, "noise")
            latents = latents + jnp.exp(maps["log_variance"] / 2) * self.style.cast(noise)
        return {**maps, "latents": latents, **self._decoder(latents)}

    def _encoder(self, images: jax.Array) -> dict[str, jax.Array]:
        check_image_size(images, self.size)
        maps = {"conv1": jax.nn.relu(self.conv1(self.style.cast(images)))}
        maps["conv2"] = x = jax.nn.relu(self.conv2(maps["conv1"]))
        maps["encoded"] = x = jax.nn.relu(self.encoded(x.reshape(*x.shape[:-3], -1)))
        return {**maps, "mean": self.mean(x), "log_variance": self.log_variance(x)}

    def _decoder(self, latents: jax.Array) -> dict[str, jax.Array]:
        check_latents(latents, self.latent)
        maps = {"decoded": jax.nn.relu(self.decoded(self.style.cast(latents)))}
        x = jax.nn.relu(self.project(maps["decoded"]))
        maps["project"] = x.reshape(*x.shape[:-1], *self.smallest)
        maps["up1"] = jax.nn.relu(self.up1(maps["project"]))
        maps["logits"] = self.logits(maps["up1"])
        return maps
