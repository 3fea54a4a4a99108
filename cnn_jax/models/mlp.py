"""A network of dense layers: every unit sees the whole image, and knows nothing of neighbors.

    layer     output (28x28 images)   parameters
    flatten   784                              0
    dense1    256                        200,960
    logits     10                          2,570
                                         203,530

What a convolutional network is compared with. Without a hidden layer (`widths` empty) it is a
linear classifier: softmax regression.

References:
    Rumelhart, Hinton and Williams, *Learning representations by back-propagating errors*, Nature,
    1986. Zhang et al., *Dive into Deep Learning*, section 5.2, which has the table's widths.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from . import _checks as checks
from ._conv_norm import in_dtype, normalization

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}
NORMS = ("none", "batch")


def mlp(
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    input_size: int | Sequence[int] = 28,
    widths: Sequence[int] = (256,),
    activation: str = "relu",
    norm: str = "none",
    residual: bool = False,
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "MLP":
    """Make a network of dense layers.

    ```
    >>> model = mlp(widths=(64, 32), rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 28, 28, 1))).shape
    (1, 10)

    ```

    Args:
        num_classes: the number of logits.
        in_channels: channels of the images.
        input_size: height and width of the images, an int for both; or one int for each spatial
            axis, of which there may be any number: ``(40,)`` for signals.
        widths: units of each hidden layer, first to last.
        activation: ``"relu"``, ``"sigmoid"`` or ``"tanh"``. It decides the initialization: He's for
            ReLU, Xavier's for the others.
        norm: ``"none"`` or ``"batch"``, in front of each activation, which takes the place of the
            layer's bias.
        residual: whether a hidden layer adds its output to its input, where it has as many units as
            the layer before it.
        dropout: the probability of dropping a value behind each hidden layer, while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Zhang et al., *Dive into Deep Learning*, section 5.2.
    """
    checks.sizes(num_classes, in_channels)
    rank = len(input_size) if isinstance(input_size, Sequence) else 2
    spatial = arguments.per_axis("input_size", input_size, rank, "the images")
    _check_widths(widths)
    checks.one_of("activation", activation, ACTIVATIONS)
    checks.one_of("norm", norm, NORMS)
    checks.probability("dropout", dropout)
    if residual and not any(width == before for before, width in pairwise(widths)):
        raise ValueError(
            "`residual` needs a hidden layer with as many units as the one before it; got `widths` "
            f"{tuple(widths)}."
        )
    image = (*spatial, in_channels)
    return MLP(image, tuple(widths), num_classes, activation, norm, residual, dropout, dtype, rngs)


class MLP(nnx.Module):
    """A network of dense layers; see `mlp`, which makes one."""

    def __init__(
        self,
        image: tuple[int, ...],
        widths: tuple[int, ...],
        num_classes: int,
        activation: str,
        norm: str,
        residual: bool,
        dropout: float,
        dtype: DTypeLike | None,
        rngs: nnx.Rngs,
    ):
        self.image, self.widths, self.activation, self.dtype = image, widths, activation, dtype
        self.residual = residual
        units = math.prod(image)
        for i, width in enumerate(widths, start=1):
            dense = nnx.Linear(
                units,
                width,
                use_bias=norm == "none",
                kernel_init=nn.for_activation(activation),
                dtype=dtype,
                rngs=rngs,
            )
            setattr(self, f"dense{i}", dense)
            setattr(self, f"norm{i}", normalization(norm, width, dtype=dtype, rngs=rngs))
            units = width
        # No activation behind it: Flax's default.
        self.logits = nnx.Linear(units, num_classes, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, *input_size, channels) to logits (*batch, num_classes)."""
        return self.feature_maps(images)["logits"]

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: (*batch, *input_size, channels).

        Returns:
            dense1, dense2 and so on, as many as there are hidden layers, and logits: (*batch,
            features). The dense ones behind their activation, while training behind dropout too.

        Raises:
            ValueError: if the images are not of the size that the network was made for.
        """
        checks.image_size(images, self.image)
        activate, maps = ACTIVATIONS[self.activation], {}
        x = in_dtype(images, self.dtype)
        x = x.reshape(*x.shape[: x.ndim - len(self.image)], -1)
        for i, width in enumerate(self.widths, start=1):
            y = activate(getattr(self, f"norm{i}")(getattr(self, f"dense{i}")(x)))
            if self.residual and i > 1 and width == x.shape[-1]:
                y = x + y
            x = maps[f"dense{i}"] = self.dropout(y)
        maps["logits"] = self.logits(x)
        return maps


def _check_widths(widths: Sequence[int]) -> None:
    if not isinstance(widths, Sequence):
        raise TypeError(
            f"`widths` must be a sequence of ints, one for each hidden layer; got {widths!r}."
        )
    for i, width in enumerate(widths):
        arguments.integer(f"widths[{i}]", width, at_least=1)
