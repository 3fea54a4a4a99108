"""The ten curves that the signals are made of."""

import numpy as np

# Heights of a pen that draws each digit, 12 positions from its top to its bottom.
STROKES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)


def templates() -> np.ndarray:
    """Return the curves, float64 (10, 12): each with a variance of 1/36, beginning at 0.

    Example:
        >>> curves = templates()
        >>> curves.shape, curves[0, :3].round(3).tolist()
        ((10, 12), [0.0, 0.237, 0.355])
    """
    strokes = np.array(STROKES)
    curves = (strokes - strokes.mean(1, keepdims=True)) / strokes.std(1, keepdims=True)
    return (curves - curves[:, :1]) / 6
