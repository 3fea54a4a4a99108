"""Windows that are not evenly spaced: where each starts and ends on its axis."""

import numpy as np


def adaptive_windows(n: int, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide `n` elements into `windows` windows of nearly equal length, as PyTorch does.

    Window ``i`` is ``[floor(i n / windows), ceil((i + 1) n / windows))``: they cover everything and
    overlap by at most one element.

    ```
    >>> starts, ends = adaptive_windows(7, 3)
    >>> starts.tolist(), ends.tolist()
    ([0, 2, 4], [3, 5, 7])

    ```

    Args:
        n: the length of the axis.
        windows: the number of windows.

    Returns:
        The first element of each window, and the one behind its last.
    """
    i = np.arange(windows)
    return i * n // windows, -((i + 1) * n // -windows)
