"""Classical methods against noise, from scikit-image: they are told its standard deviation."""

from collections.abc import Callable
from functools import partial

import numpy as np
from skimage.restoration import denoise_nl_means, denoise_wavelet


def nonlocal_means(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Replace each pixel by a mean of those whose surroundings are alike.

    The fast variant, with the sizes and the cut-off of scikit-image's example.

    Args:
        noisy: (height, width), in [0, 1].
        sigma: the standard deviation of the noise, in the same units.

    Example:
        >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (32, 32))
        >>> bool(nonlocal_means(noisy, 0.1).std() < 0.05)
        True
    """
    size = {"patch_size": 5, "patch_distance": 6}
    return denoise_nl_means(noisy, h=0.6 * sigma, sigma=sigma, fast_mode=True, **size)


def wavelets(noisy: np.ndarray, sigma: float, *, method: str) -> np.ndarray:
    """Make the coefficients of a wavelet transform smaller, and the small ones zero.

    Args:
        noisy: (height, width), in [0, 1].
        sigma: the standard deviation of the noise, in the same units.
        method: how the threshold is chosen: ``"BayesShrink"`` for each band, or ``"VisuShrink"``.

    Example:
        >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (32, 32))
        >>> bool(wavelets(noisy, 0.1, method="BayesShrink").std() < 0.05)
        True
    """
    return denoise_wavelet(noisy, sigma=sigma, method=method, mode="soft", rescale_sigma=True)


CLASSICAL: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "non-local means": nonlocal_means,
    "BayesShrink": partial(wavelets, method="BayesShrink"),
    "VisuShrink": partial(wavelets, method="VisuShrink"),
}
