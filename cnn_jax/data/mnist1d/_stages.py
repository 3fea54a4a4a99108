"""What a template goes through: every stage takes signals (n, time) and numbers (n,) drawn for it.

>>> stretched(np.array([[1.0, 2.0]]), np.array([1]), 5)  # 1 2 0 at twice as many positions
array([[1. , 1.5, 2. , 1. , 0. ]])
>>> moved(np.array([[1, 2, 3, 4]]), np.array([1]))
array([[4, 1, 2, 3]])
>>> sheared(np.zeros((1, 3)), np.array([2.0]))
array([[ 1.,  0., -1.]])
>>> resampled(np.array([[0.0, 1.0, 4.0]]), 5)
array([[0. , 0.5, 1. , 2.5, 4. ]])
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def stretched(signals: np.ndarray, zeros: np.ndarray, length: int) -> np.ndarray:
    """Append so many zeros to each signal, and resample all to one length: `abc`, 3: `abc000`."""
    result = np.empty((len(signals), length))
    for count in np.unique(zeros):
        some = zeros == count
        result[some] = resampled(np.pad(signals[some], ((0, 0), (0, count))), length)
    return result


def moved(signals: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Move each signal to the right, in a circle: `abcd` by 1 is `dabc`."""
    time = signals.shape[1]
    return np.take_along_axis(signals, (np.arange(time) - steps[:, None]) % time, axis=1)


def sheared(signals: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Take from each signal a line that goes from -slope / 2 to slope / 2."""
    return signals - slopes[:, None] * np.linspace(-0.5, 0.5, signals.shape[1])


def smoothed(noise: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve with a Gaussian, out to 4 sigma; a border is a mirror: `ba|abcd|dc`.

    `y[t] = sum over j of g[j] x[t + j]`, with `g[j] ~ exp(-j^2 / (2 sigma^2))` of sum 1.
    """
    radius = int(4 * sigma + 0.5)
    taps = np.arange(-radius, radius + 1)
    gaussian = np.exp(-0.5 * (taps / sigma) ** 2)
    gaussian /= gaussian.sum()
    mirrored = np.pad(noise, ((0, 0), (radius, radius)), mode="symmetric")
    return sliding_window_view(mirrored, len(taps), axis=1) @ gaussian


def resampled(signals: np.ndarray, length: int) -> np.ndarray:
    """Interpolate linearly at evenly spaced positions, from the first value to the last."""
    time = signals.shape[1]
    position = np.linspace(0, 1, length) * (time - 1)
    left = np.minimum(position.astype(int), time - 2)
    share = position - left
    return signals[:, left] * (1 - share) + signals[:, left + 1] * share
