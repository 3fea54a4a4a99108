"""Figures of gradients: `plot_gradient_norms`."""

from collections.abc import Mapping
from os import PathLike

import numpy as np
from matplotlib.figure import Figure

from ..probes import GradientNorms
from ._figures import figure, finished, found_by

# With more layers not every one has its name at the axis.
MOST_NAMES = 24


def plot_gradient_norms(
    found: GradientNorms | Mapping[str, GradientNorms],
    *,
    rms: bool = False,
    path: str | PathLike | None = None,
) -> Figure:
    """Draw the norm of the gradient over the layers, first to last, on a logarithmic axis.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax.analysis import gradient_norms
    >>> params = {"kernel": jnp.ones(3), "bias": jnp.ones(3)}
    >>> def f(params, x):
    ...     return (x * params["kernel"] + params["bias"]).sum()
    >>> found = gradient_norms(f, jnp.ones(3), params=params)
    >>> plot_gradient_norms({"at the start": found}).axes[0].get_ylabel()
    'norm of the gradient'

    ```

    Args:
        found: what `gradient_norms` returns; or several of that by name, of different networks or
            at different moments of training, as a curve each.
        rms: draw the root mean square of the gradient's entries instead.
        path: where to write the picture, if anywhere.

    Returns:
        The figure. Layers whose gradient is zero have no point.

    Raises:
        TypeError: if `found` is something else.
        ValueError: if it holds nothing.
    """
    several = isinstance(found, Mapping)
    curves = dict(found) if several else {"": found}
    for one in curves.values():
        found_by("gradient_norms", one, GradientNorms)
    if not curves:
        raise ValueError("`found` must hold what `gradient_norms` returns, once at least.")
    made, ((ax,),) = figure(7, 3.8)
    for name, one in curves.items():
        values = one.rms if rms else one.norms
        shown = np.where(values > 0, values, np.nan)
        ax.plot(np.arange(1, len(values) + 1), shown, marker=".", label=name)
    ax.set_yscale("log")
    ax.set_ylabel("root mean square of the gradient" if rms else "norm of the gradient")
    layers = {one.layers for one in curves.values()}
    if len(layers) == 1 and len(names := layers.pop()) <= MOST_NAMES:
        ax.set_xticks(range(1, len(names) + 1), names, rotation=90, fontsize="x-small")
    else:
        ax.set_xlabel("layer, first to last")
        ax.xaxis.get_major_locator().set_params(integer=True)
    if several:
        ax.legend(frameon=False, fontsize="small")
    return finished(made, path)
