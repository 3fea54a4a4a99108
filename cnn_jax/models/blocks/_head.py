"""The head of a classifier, which turns its last feature map into logits, or is left out.

With ``num_classes=None`` a network is a backbone, for detection, segmentation and so on. It then
ends with its last feature map: calling it returns that map, `feature_maps` holds nothing after it,
and it has no parameters for what would come after. The class's attribute `HEAD` names the layers
that are left out; `load_weights` passes over them in a file that has them.
"""

from collections.abc import Mapping

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments


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
    """Check that these are random streams, in networks whose first layer is Flax's, which does not.

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

    No activation follows it, so it starts with Flax's default, LeCun's initializer.
    """
    if num_classes is None:
        return None
    return nnx.Linear(features, num_classes, dtype=dtype, rngs=rngs)


def last(maps: Mapping[str, jax.Array]) -> jax.Array:
    """The last of a network's feature maps: the logits, or without a head the last map."""
    *_, output = maps.values()
    return output
