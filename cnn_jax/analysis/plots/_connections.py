"""A figure of the matrix of connections: `plot_connectivity`."""

from os import PathLike

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from ..probes import Connectivity
from ._figures import COLORS, figure, finished, found_by

# A matrix with more rows or columns is drawn without lines between its cells.
MOST_LINES = 64


def plot_connectivity(found: Connectivity, *, path: str | PathLike | None = None) -> Figure:
    """Draw the matrix of connections: a row for each output, a column for each input.

    Equal colors are shared weights, if each connection has one weight.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> from cnn_jax.analysis import connectivity
    >>> kernel = jnp.ones((3, 1, 1))
    >>> found = connectivity(lambda x: F.conv(x, kernel), (6, 1))
    >>> plot_connectivity(found).axes[0].get_title()
    '12 connections, 3 weights'

    ```

    Args:
        found: what `connectivity` returns.
        path: where to write the picture, if anywhere.

    Returns:
        The figure.

    Raises:
        TypeError: if `found` is something else.
    """
    outputs, inputs = found_by("connectivity", found, Connectivity).matrix.shape
    scale = 5 / max(outputs, inputs, 1)
    made, ((ax,),) = figure(max(inputs * scale, 2) + 1, max(outputs * scale, 1.5) + 1)
    title = f"{found.connected:,} connections"
    if found.weights is None:
        ax.imshow(found.matrix, cmap=ListedColormap(["white", "black"]), vmin=0, vmax=1)
    else:
        used = np.unique(found.weights[found.weights >= 0])
        ranks = np.searchsorted(used, found.weights).astype(float)
        shown = np.ma.masked_where(~found.matrix | (found.weights < 0), ranks)
        plain = np.ma.masked_where(~found.matrix | (found.weights >= 0), np.ones(ranks.shape))
        ax.imshow(plain, cmap="gray", vmin=0, vmax=2)
        ax.imshow(shown, cmap=COLORS, vmin=0, vmax=max(len(used) - 1, 1))
        title += f", {len(used):,} weights" if len(used) != 1 else ", 1 weight"
    if max(outputs, inputs) <= MOST_LINES:
        ax.set_xticks(np.arange(inputs + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(outputs + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="0.8", linewidth=0.5)
        ax.tick_params(which="minor", length=0)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="input", ylabel="output")
    ax.set_title(title, fontsize="medium")
    return finished(made, path)
