"""Losses: of two networks against each other, and a bound of the likelihood."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments

LIKELIHOODS = ("bernoulli", "normal")


def discriminator_loss(real: ArrayLike, made: ArrayLike) -> jax.Array:
    """Return `-log D(real) - log(1 - D(made))` of each pair, with `D = sigmoid(logit)`.

    Args:
        real: logits of real images, (n,): how much the discriminator takes each for real.
        made: logits of made images, (n,).

    Returns:
        (n,), float32.

    Raises:
        ValueError: the shapes are something else.

    References:
        Goodfellow et al., *Generative adversarial networks*, 2014, arXiv:1406.2661, equation 1.

    Example:
        >>> discriminator_loss(jnp.zeros(1), jnp.zeros(1)).round(4).tolist()  # 2 log 2
        [1.386299967765808]
    """
    real, made = _logits("real", real), _logits("made", made)
    if real.shape != made.shape:
        raise ValueError(
            f"`real` and `made` must have one shape; got {real.shape} and {made.shape}."
        )
    return jax.nn.softplus(-real) + jax.nn.softplus(made)


def generator_loss(made: ArrayLike) -> jax.Array:
    """Return `-log D(made)` of each image: the loss that does not saturate.

    With `log(1 - D(made))`, the discriminator's loss with another sign, a generator gets no
    gradient while its images are still easy to recognize as made.

    Args:
        made: logits of made images, (n,).

    Returns:
        (n,), float32.

    Raises:
        ValueError: the shape is something else.

    References:
        Goodfellow et al., *Generative adversarial networks*, 2014, arXiv:1406.2661, section 3.

    Example:
        >>> generator_loss(jnp.zeros(1)).round(4).tolist()  # log 2
        [0.6930999755859375]
    """
    return jax.nn.softplus(-_logits("made", made))


def loss(
    likelihood: str = "bernoulli", *, deviation: float = 1.0, weight: float = 1.0
) -> Callable[[Mapping[str, jax.Array], Any], tuple[jax.Array, dict[str, jax.Array]]]:
    """Return the negative evidence lower bound as training takes a loss, in nats per image.

    `-log p(image | latents) + weight * KL(q(latents | image), N(0, 1))`, with one draw of latents.

    Args:
        likelihood: of a pixel. ``"bernoulli"``: values in [0, 1] count as probabilities, and the
            network says their logits. ``"normal"``: the network says the means.
        deviation: the standard deviation of every pixel, for ``"normal"``; the smaller, the more
            the latents have to say.
        weight: of the divergence: 1 for the bound itself.

    Returns:
        `(outputs, batch) -> (losses (n,), {"reconstruction": (n,), "divergence": (n,)})`. The
        outputs have `logits` of the shape of the batch's `image`, (n, height, width, channels), and
        `mean` and `log_variance`, (n, latent).

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, shapes do not fit.

    References:
        Kingma and Welling, *Auto-encoding variational Bayes*, 2014, arXiv:1312.6114, equation 10.
        Higgins et al., *beta-VAE*, 2017, for another weight than 1.

    Example:
        >>> image, place = jnp.zeros((1, 2, 2, 1)), jnp.zeros((1, 3))
        >>> outputs = {"logits": image, "mean": place + 1, "log_variance": place}
        >>> losses, parts = loss()(outputs, {"image": image})
        >>> parts["reconstruction"].round(4).tolist(), parts["divergence"].tolist()  # 4 log 2
        ([2.772599935531616], [1.5])
    """
    arguments.one_of("likelihood", likelihood, LIKELIHOODS)
    deviation = arguments.number("deviation", deviation, above=0)
    weight = arguments.number("weight", weight, at_least=0)

    def bound(outputs, batch):
        said, image = outputs["logits"], batch["image"]
        if said.shape != image.shape or said.ndim != 4:
            raise ValueError(
                "`logits` and `image` must be (n, height, width, channels) both; got "
                f"{said.shape} and {image.shape}."
            )
        said, image = said.astype(jnp.float32), image.astype(jnp.float32)
        if likelihood == "bernoulli":
            pixels = jax.nn.softplus(said) - image * said
        else:
            log = math.log(deviation) + math.log(2 * math.pi) / 2
            pixels = jnp.square((image - said) / deviation) / 2 + log
        reconstruction = pixels.sum((1, 2, 3))
        kl = divergence(outputs["mean"], outputs["log_variance"])
        return reconstruction + weight * kl, {"reconstruction": reconstruction, "divergence": kl}

    return bound


def divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """Return the divergence of N(mean, variance) from N(0, 1), summed over dimensions, in nats.

    `KL = sum of (mean**2 + variance - 1 - log variance) / 2`.

    Args:
        mean: (n, latent).
        log_variance: likewise.

    Returns:
        (n,), float32.

    References:
        Kingma and Welling, *Auto-encoding variational Bayes*, 2014, arXiv:1312.6114, appendix B.

    Example:
        >>> divergence(jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))).tolist()
        [12.5]
    """
    if mean.shape != log_variance.shape or mean.ndim != 2:
        raise ValueError(
            "`mean` and `log_variance` must be (n, latent) both; got "
            f"{mean.shape} and {log_variance.shape}."
        )
    mean, log_variance = mean.astype(jnp.float32), log_variance.astype(jnp.float32)
    return (jnp.square(mean) + jnp.expm1(log_variance) - log_variance).sum(-1) / 2


def _logits(name: str, logits: ArrayLike) -> jax.Array:
    array = jnp.asarray(logits)
    if array.ndim != 1 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"`{name}` must be floats (n,), a logit for each image; got "
            f"{array.dtype} {array.shape}."
        )
    return array.astype(jnp.float32)
