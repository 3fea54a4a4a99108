"""A network of dense layers: every unit sees all pixels, but not which are neighbors.

    layer     output (28x28 images)   parameters
    flatten   784                              0
    dense1    256                        200,960
    logits     10                          2,570
                                         203,530

It is the baseline for convolutional networks. Without a hidden layer (`widths` empty) it is a
linear classifier: softmax regression.

References:
    Rumelhart, Hinton and Williams, *Learning representations by back-propagating errors*, Nature,
    1986. Zhang et al., *Dive into Deep Learning*, section 5.2, which has the table's widths.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_classes, check_image_size, check_rngs, drop_values, head, last


def mlp(
    *,
    num_classes: int | None = 10,
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
    >>> import jax.numpy as jnp
    >>> model = mlp(widths=(64, 32), rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 28, 28, 1))).shape
    (1, 10)

    ```

    Args:
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`, so that
            the network ends with the last hidden layer.
        in_channels: channels of the images.
        input_size: height and width of the images, an int for both; or one int for each spatial
            axis, of which there may be any number: ``(40,)`` for signals.
        widths: units of each hidden layer, first to last.
        activation: ``"relu"``, ``"sigmoid"`` or ``"tanh"``. It decides the initialization: He's for
            ReLU, Xavier's for the others.
        norm: what comes before each activation, in place of the layer's bias: ``"none"``,
            ``"batch"`` or ``"group"`` (32 groups, or as many as divide the units).
        residual: whether each hidden layer with as many units as the hidden layer before it adds
            its input to its output.
        dropout: the probability of dropping a value after each hidden layer, while training.
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
    check_rngs(rngs)
    channels = arguments.integer("in_channels", in_channels, at_least=1)
    rank = len(input_size) if isinstance(input_size, Sequence) else 2
    spatial = arguments.per_axis("input_size", input_size, rank, "the images")
    variant = Variant(_checked(widths), arguments.flag("residual", residual))
    if residual and not any(width == before for before, width in pairwise(variant.widths)):
        raise ValueError(
            "`residual` needs a hidden layer with as many units as the one before it; got `widths` "
            f"{variant.widths}."
        )
    if num_classes is None and not variant.widths:
        raise ValueError("`num_classes` None leaves no layer where `widths` is empty.")
    style = Style(norm=norm, activation=activation, dropout=dropout, dtype=dtype)
    return MLP(variant, num_classes, (*spatial, channels), style, rngs)


@dataclass(frozen=True)
class Variant:
    """How many units each hidden layer has, and whether layers of equal width add their input."""

    widths: tuple[int, ...]
    residual: bool = False


class MLP(nnx.Module):
    """A network of dense layers; see `mlp`, which makes one."""

    HEAD = ("logits",)

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        image: tuple[int, ...],
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.variant, self.image, self.style = variant, image, style
        units = math.prod(image)
        for i, width in enumerate(variant.widths, start=1):
            dense = nnx.Linear(
                units,
                width,
                use_bias=style.norm == "none",
                kernel_init=nn.for_activation(style.activation),
                dtype=style.dtype,
                rngs=rngs,
            )
            setattr(self, f"dense{i}", dense)
            setattr(self, f"norm{i}", style.normalization(width, rngs))
            units = width
        self.logits = head(units, num_classes, style.dtype, rngs)
        self.dropout = drop_values(style.dropout, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, *input_size, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: (*batch, *input_size, channels).

        Returns:
            dense1, dense2 and so on, as many as there are hidden layers, and logits: (*batch,
            features). The dense ones after their activation and dropout.

        Raises:
            ValueError: if the images are not of the size that the network was made for.
        """
        check_image_size(images, self.image)
        maps, x = {}, self.style.cast(images)
        x = x.reshape(*x.shape[: x.ndim - len(self.image)], -1)
        for i, width in enumerate(self.variant.widths, start=1):
            y = getattr(self, f"norm{i}")(getattr(self, f"dense{i}")(x))
            y = self.style.activate(y)
            if self.variant.residual and i > 1 and width == x.shape[-1]:
                y = x + y
            x = maps[f"dense{i}"] = self.dropout(y)
        if self.logits is not None:
            maps["logits"] = self.logits(x)
        return maps


def _checked(widths: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(widths, Sequence) or isinstance(widths, str | bytes):
        raise TypeError(
            "`widths` must be a sequence of ints, one for each hidden layer; got "
            f"{arguments.shown(widths)}."
        )
    return tuple(
        arguments.integer(f"widths[{i}]", width, at_least=1) for i, width in enumerate(widths)
    )
