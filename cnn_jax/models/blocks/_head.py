"""The head of a classifier, which turns its last feature map into logits, or is left out.

With ``num_classes=None`` a network is a backbone, for detection, segmentation and so on: it has no
head and no parameters for one. Calling it returns its last feature map, which is also the last
entry of `feature_maps`. The class's attribute `HEAD` names the layers that are left out;
`load_weights` ignores them in a file that has them.
"""

from collections.abc import Mapping

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn


def check_classes(num_classes: int | None) -> int | None:
    """The number of logits: a positive int, or None for a network without a head.

    Raises:
        TypeError: if it is neither an int nor None.
        ValueError: if it is below 1.
    """
    if num_classes is None:
        return None
    return arguments.integer("num_classes", num_classes, at_least=1)


def check_rngs(rngs: object) -> None:
    """Check that `rngs` is an `nnx.Rngs`. Layers of `nn` do this themselves, those of Flax do not.

    Raises:
        TypeError: if not.
    """
    if not isinstance(rngs, nnx.Rngs):
        got = arguments.shown(rngs)
        raise TypeError(f"`rngs` must be a flax.nnx.Rngs, such as nnx.Rngs(0); got {got}.")


def head(
    features: int, num_classes: int | None, dtype: DTypeLike | None, rngs: nnx.Rngs
) -> nnx.Linear | None:
    """Make the dense layer from features to logits; None if there are no classes.

    No activation follows it, so its initializer is Flax's default, LeCun's, quick to compile.
    """
    if num_classes is None:
        return None
    init = nn.variance_scaling(1.0)
    return nnx.Linear(features, num_classes, kernel_init=init, dtype=dtype, rngs=rngs)


def last(maps: Mapping[str, jax.Array]) -> jax.Array:
    """The last entry of `feature_maps`: the logits, or without a head the last feature map."""
    *_, output = maps.values()
    return output
