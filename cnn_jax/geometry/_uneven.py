"""Windows of unequal lengths: where each starts and ends on its axis."""

import numpy as np

from cnn_jax.arguments import integer


def adaptive_windows(n: int, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide `n` elements into `windows` windows of nearly equal length, as PyTorch does.

    Window ``i`` is ``[floor(i n / windows), ceil((i + 1) n / windows))``. Together they cover
    everything, and two neighbors share at most one element.

    ```
    >>> starts, ends = adaptive_windows(7, 3)
    >>> starts.tolist(), ends.tolist()
    ([0, 2, 4], [3, 5, 7])

    ```

    Args:
        n: the length of the axis.
        windows: the number of windows.

    Returns:
        The index of each window's first element, and the index after that of its last element.

    Raises:
        TypeError: if an argument is no int.
        ValueError: if it is below 1 or does not fit into 32 bits.
    """
    n, windows = integer("n", n, at_least=1), integer("windows", windows, at_least=1)
    i = np.arange(windows)
    return i * n // windows, -((i + 1) * n // -windows)
