"""Restoration: a clean image from a noisy or a small one.

The network's outputs are images (n, height, width, channels), with values about [0, 1]. A batch has
`clean`, of the same shape, and `image`, what the network sees: made of it by `noise` or by
`downscale`, on the device.

Scaling by whole numbers is convolution here: `downscale` has one kernel and a stride; `upscale` has
a kernel for each of the places that one pixel becomes, which `functional.depth_to_space` puts
beside each other. Both are bicubic, as MATLAB's `imresize`, with which the literature makes its
small images: when scaling down, the kernel is as many times wider, so that nothing aliases. (With
`jax.image.resize` all is the same but the edges, where it leaves out what lies outside; `imresize`
mirrors the image.)
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F

from ._loss import Loss

ERRORS = {"mse": jnp.square, "l1": jnp.abs}


def loss(error: str = "mse", *, crop: int = 0) -> Loss:
    """Return the mean error of an image's pixels as training takes a loss, with its PSNR beside it.

    Args:
        error: ``"mse"``, the squared error, or ``"l1"``, the absolute one.
        crop: pixels at each edge that count neither for the loss nor for the PSNR.

    Returns:
        `(outputs, batch) -> (losses (n,), {"psnr": (n,)})`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs have another
            shape than `clean`.

    Example:
        >>> clean = jnp.zeros((2, 8, 8, 1))
        >>> losses, others = loss()(clean + 0.1, {"clean": clean})
        >>> losses.round(4).tolist(), others["psnr"].round(2).tolist()
        ([0.009999999776482582, 0.009999999776482582], [20.0, 20.0])
    """
    measure = ERRORS[arguments.one_of("error", error, ERRORS)]
    crop = arguments.integer("crop", crop, at_least=0)

    def mean_error(outputs, batch):
        difference = _difference(outputs, batch["clean"], crop)
        losses = measure(difference).mean((1, 2, 3))
        return losses, {"psnr": psnr(outputs, batch["clean"], crop=crop)}

    return mean_error


def psnr(outputs: ArrayLike, clean: ArrayLike, *, peak: float = 1.0, crop: int = 0) -> jax.Array:
    """Return the peak signal-to-noise ratio of each image, in dB.

    `10 log10(peak**2 / mean of (outputs - clean)**2)`, infinite if they are equal.

    Args:
        outputs: (n, height, width, channels).
        clean: of the same shape.
        peak: the largest value that a pixel can have.
        crop: pixels at each edge that do not count: in super-resolution as many as the scale.

    Returns:
        (n,), float32.

    Raises:
        TypeError, ValueError: the shapes differ, nothing is left, or an option is wrong.

    Example:
        >>> clean = jnp.zeros((1, 4, 4, 1))
        >>> round(float(psnr(clean + 0.5, clean)[0]), 2)
        6.02
    """
    peak = arguments.number("peak", peak, above=0)
    squares = jnp.square(_difference(outputs, clean, crop)).mean((1, 2, 3))
    return 20 * jnp.log10(jnp.float32(peak)) - 10 * jnp.log10(squares)


def as_stored(images: ArrayLike) -> jax.Array:
    """Return the images that an 8-bit file would hold: clipped to [0, 1], in steps of 1 / 255.

    Published figures are of such images.

    Example:
        >>> (as_stored(jnp.array([-0.2, 0.5001, 1.3])) * 255).tolist()
        [0.0, 128.0, 255.0]
    """
    return jnp.round(jnp.clip(jnp.asarray(images, jnp.float32), 0, 1) * 255) / 255


def noise(key: jax.Array, images: ArrayLike, sigma: float | Sequence[float]) -> jax.Array:
    """Add Gaussian noise. It is not clipped, as usual in the literature.

    Args:
        key: typed.
        images: (n, height, width, channels), in [0, 1].
        sigma: the standard deviation in 255ths, such as 25; or a pair `(low, high)`, between which
            each image draws its own: what a network that does not know the level ("blind") learns
            from.

    Returns:
        The noisy images, float32.

    Raises:
        TypeError, ValueError: `sigma` or the images are something else.

    Example:
        >>> noisy = noise(jax.random.key(0), jnp.zeros((4, 64, 64, 1)), 25)
        >>> round(float(noisy.std()) * 255, 1)
        25.0
    """
    low, high = arguments.span("sigma", sigma)
    clean = _images("images", images)
    level_key, key = jax.random.split(key)
    levels = jax.random.uniform(level_key, (len(clean), 1, 1, 1), minval=low, maxval=high)
    deviation = levels / 255 if high > low else jnp.full_like(levels, low / 255)
    return clean + deviation * jax.random.normal(key, (clean.size,)).reshape(clean.shape)


def in_all_positions(restore: Callable[[jax.Array], jax.Array], images: ArrayLike) -> jax.Array:
    """Restore images in eight positions, mirrored and turned by quarters, and take the mean.

    A network learns to treat all positions nearly, but not exactly alike; its errors are smaller in
    the mean of them.

    Args:
        restore: maps images (n, height, width, channels) of any size to restored ones of the same,
            or larger by a factor. It takes eight times as long as one call of it.
        images: (n, height, width, channels).

    Returns:
        The mean of what `restore` says of them, each turned back.

    Raises:
        ValueError: `images` are no such floats.

    References:
        Lim et al., *Enhanced deep residual networks for single image super-resolution*, 2017,
        arXiv:1707.02921, section 3.4: geometric self-ensemble.

    Example:
        >>> image = jnp.arange(4.0).reshape(1, 2, 2, 1)
        >>> leftwards = lambda images: jnp.roll(images, -1, axis=2)
        >>> in_all_positions(leftwards, image)[0, ..., 0].tolist()
        [[1.5, 1.5], [1.5, 1.5]]
    """
    images = _images("images", images)
    made = []
    for quarters in range(4):
        for mirror in (lambda x: x, lambda x: jnp.flip(x, axis=2)):
            restored = mirror(restore(mirror(jnp.rot90(images, quarters, (1, 2)))))
            made.append(jnp.rot90(restored, -quarters, (1, 2)))
    return jnp.stack(made).mean(0)


def luma(images: ArrayLike) -> jax.Array:
    """Return Y of YCbCr: `(16 + 65.481 R + 128.553 G + 24.966 B) / 255`, as MATLAB's `rgb2ycbcr`.

    Super-resolution is measured on it. Gray images are their own, as in the literature's code.

    Args:
        images: (..., 3) or (..., 1), in [0, 1].

    Returns:
        (..., 1), float32.

    Raises:
        ValueError: there are other channels.

    Example:
        >>> round(float(luma(jnp.ones((1, 1, 3)))[0, 0, 0]) * 255, 2)
        235.0
    """
    images = jnp.asarray(images, jnp.float32)
    if images.ndim < 1 or images.shape[-1] not in (1, 3):
        raise ValueError(f"`images` must have 1 or 3 channels, the last axis; got {images.shape}.")
    if images.shape[-1] == 1:
        return images
    weights = np.array([65.481, 128.553, 24.966], np.float32) / 255
    weights = weights.reshape((1,) * (images.ndim - 1) + (3,))
    return (images * weights).sum(-1, keepdims=True) + np.float32(16 / 255)


def downscale(images: ArrayLike, scale: int) -> jax.Array:
    """Make images smaller: bicubic, without aliasing, as MATLAB's `imresize`.

    `y[p] = sum over t of x[t] k((t - u) / scale) / scale` on both axes, with Keys' kernel `k` and
    the place `u = (p + 1/2) scale - 1/2` of the pixel in `x`, which is mirrored at its edges.

    Args:
        images: (n, height, width, channels), each side a multiple of `scale`.
        scale: how many times smaller.

    Returns:
        (n, height / scale, width / scale, channels), float32.

    Raises:
        TypeError, ValueError: an argument is wrong.

    References:
        Keys, *Cubic convolution interpolation for digital image processing*, 1981, with a = -1/2.

    Example:
        >>> downscale(jnp.ones((1, 9, 12, 1)), 3).shape
        (1, 3, 4, 1)
    """
    scale, images = arguments.integer("scale", scale, at_least=1), _images("images", images)
    if images.shape[1] % scale or images.shape[2] % scale:
        raise ValueError(
            f"`scale` must divide the height and width of `images`; got {scale} for "
            f"{images.shape[1:3]}. Cut off what is too much first."
        )
    reach = 2 * scale  # of the kernel, from the place of the pixel
    offsets = np.arange(-reach, reach + scale) - (scale - 1) / 2
    taps = _keys(offsets / scale)
    taps /= taps.sum()
    kernel = np.multiply.outer(taps, taps)[..., None, None]
    return _convolved(images, kernel, reach, scale)


def upscale(images: ArrayLike, scale: int) -> jax.Array:
    """Make images larger by bicubic interpolation, as MATLAB's `imresize`.

    `y[p] = sum over t of x[t] k(t - u)` on both axes, with Keys' kernel `k` and the place `u = (p +
    1/2) / scale - 1/2` of the pixel in `x`, which is mirrored at its edges.

    Args:
        images: (n, height, width, channels).
        scale: how many times larger.

    Returns:
        (n, scale * height, scale * width, channels), float32.

    Raises:
        TypeError, ValueError: an argument is wrong.

    References:
        Keys, *Cubic convolution interpolation for digital image processing*, 1981, with a = -1/2.

    Example:
        >>> upscale(jnp.ones((1, 3, 4, 1)), 3).shape
        (1, 9, 12, 1)
    """
    scale, images = arguments.integer("scale", scale, at_least=1), _images("images", images)
    places = (np.arange(scale) + 0.5) / scale - 0.5  # of the new pixels, within an old one
    taps = _keys(np.arange(-2, 3)[:, None] - places)  # (5, scale)
    kernel = np.einsum("ip,jq->ijpq", taps, taps).reshape(5, 5, 1, scale**2)
    return F.depth_to_space(_convolved(images, kernel, 2, 1), (scale, scale), order="CRD")


def _convolved(images: jax.Array, kernel: np.ndarray, reach: int, stride: int) -> jax.Array:
    """Convolve each channel by itself, the image mirrored at its edges, which count twice."""
    around = ((0, 0), (reach, reach), (reach, reach), (0, 0))
    channels = jnp.moveaxis(jnp.pad(images, around, mode="symmetric"), -1, 0)[..., None]
    y = F.conv(channels, jnp.asarray(kernel, jnp.float32), stride=stride, precision="highest")
    y = jnp.moveaxis(y, 0, -2)  # (n, height, width, channels, maps of each)
    return y.reshape(*y.shape[:3], -1)


def _keys(distance: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel, which goes through 1 at 0 and 0 at 1 and 2."""
    d = np.abs(distance)
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _images(name: str, images: ArrayLike) -> jax.Array:
    array = jnp.asarray(images)
    if array.ndim != 4 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"`{name}` must be floats (n, height, width, channels), in [0, 1]; got "
            f"{array.dtype} {array.shape}."
        )
    return array.astype(jnp.float32)


def _difference(outputs: ArrayLike, clean: ArrayLike, crop: int) -> jax.Array:
    crop = arguments.integer("crop", crop, at_least=0)
    outputs, clean = _images("outputs", outputs), _images("clean", clean)
    if outputs.shape != clean.shape:
        raise ValueError(
            f"`outputs` and `clean` must have one shape; got {outputs.shape} and {clean.shape}."
        )
    _, height, width, _ = clean.shape
    if min(height, width) <= 2 * crop:
        raise ValueError(
            f"`crop` must leave something of `clean`; got {crop} for {height} x {width} pixels."
        )
    return (outputs - clean)[:, crop : height - crop, crop : width - crop]
