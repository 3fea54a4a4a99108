"""The same small network with three kinds of connection: full, local, convolutional.

    layer     output (28x28x1)   full        local      convolutional
    layer1    12 x 12 x  8       904,320     29,952               208   5x5, stride 2
    layer2     4 x  4 x 16       295,168     51,456             3,216   5x5, stride 2
    logits    10                   2,570      2,570             2,570
    parameters                 1,202,058     83,978             5,994

All three have the same units, in the same layers. From left to right each can compute less: a
*local* unit is a *full* one whose weights outside of its window are zero; in a *convolutional*
layer, the units of a map all have the same weights too. Whatever the convolutional network
computes, the local one can compute, and whatever that one computes, the full one can.

References:
    LeCun, *Generalization and network design strategies*, 1989, which compares such networks on
    digits. Prince, *Understanding Deep Learning*, 2023, section 10.2.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
from flax import nnx
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from cnn_jax import arguments, geometry, nn

from .blocks import Style, check_classes, check_image_size, check_rngs, drop_values, head, last

# Channels, window and stride of each hidden layer.
LAYERS = ((8, 5, 2), (16, 5, 2))
CONNECTIONS = ("full", "local", "convolutional")


def locally_connected(
    *,
    connection: str = "local",
    num_classes: int | None = 10,
    in_channels: int = 1,
    input_size: int | Sequence[int] = 28,
    layers: Sequence[Sequence[int]] = LAYERS,
    activation: str = "relu",
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "LocallyConnected":
    """Make a small network whose hidden layers are connected in one of three ways.

    ```
    >>> import jax.numpy as jnp
    >>> for connection in ("full", "local", "convolutional"):
    ...     model = locally_connected(connection=connection, rngs=nnx.Rngs(0))
    ...     maps = model.feature_maps(jnp.zeros((1, 28, 28, 1)))
    ...     weights = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
    ...     print(f"{connection:13}  {maps['layer1'].shape}  {weights:9,} parameters")
    full           (1, 12, 12, 8)  1,202,058 parameters
    local          (1, 12, 12, 8)     83,978 parameters
    convolutional  (1, 12, 12, 8)      5,994 parameters

    ```

    Args:
        connection: what each unit sees: ``"full"``: the whole input; ``"local"``: a window, with
            weights of its own; ``"convolutional"``: a window, with the same weights everywhere.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        input_size: height and width of the images; an int for both.
        layers: channels, window (of height and width) and stride of each hidden layer, first to
            last; the same for every `connection`. A full layer has as many units as the others.
        activation: ``"relu"``, ``"sigmoid"`` or ``"tanh"``. It decides the initialization: He's for
            ReLU, Xavier's for the others, with the number of inputs that a unit sees as fan_in.
        dropout: the probability of dropping a value before the logits, while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named, or the images are too small.

    References:
        LeCun, *Generalization and network design strategies*, 1989.
    """
    check_rngs(rngs)
    arguments.one_of("connection", connection, CONNECTIONS)
    channels = arguments.integer("in_channels", in_channels, at_least=1)
    spatial = arguments.per_axis("input_size", input_size, 2, "the images")
    style = Style(norm="none", activation=activation, dropout=dropout, dtype=dtype)
    table = checked(layers)
    least = 1
    for _, window, stride in reversed(table):
        least = (least - 1) * stride + window
    if min(spatial) < least:
        raise ValueError(
            f"`input_size` must be at least {least} on both axes, for something to be left after "
            f"`layers` {table}; got {input_size}."
        )
    variant = Variant(connection, table)
    return LocallyConnected(variant, num_classes, (*spatial, channels), style, rngs)


@dataclass(frozen=True)
class Variant:
    """How units are connected, and channels, window and stride of each hidden layer."""

    connection: str
    layers: tuple[tuple[int, ...], ...]


def checked(layers: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """`layers` as a tuple of tuples of 3 ints.

    Raises:
        TypeError: if they are no sequence of sequences of ints.
        ValueError: if one has another length than 3, or an int below 1.
    """
    rule = "`layers` must be a sequence of 3 ints each: channels, window, stride"
    if not isinstance(layers, Sequence) or not all(isinstance(row, Sequence) for row in layers):
        raise TypeError(f"{rule}; got {layers!r}.")
    for i, row in enumerate(layers):
        if len(row) != 3:
            raise ValueError(f"{rule}; got {layers!r}.")
        for name, number in zip(("channels", "window", "stride"), row):
            arguments.integer(f"layers[{i}] ({name})", number, at_least=1)
    return tuple(map(tuple, layers))


class LocallyConnected(nnx.Module):
    """A network connected in one of three ways; see `locally_connected`, which makes one."""

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
        self.image, self.style, self.depth = image, style, len(variant.layers)
        size = image
        for i, layer in enumerate(variant.layers, start=1):
            hidden, size = connected(variant.connection, size, layer, style, rngs)
            setattr(self, f"layer{i}", hidden)
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = head(math.prod(size), num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            layer1, layer2 and so on, after their activation: (*batch, height, width, channels).
            logits: (*batch, num_classes).

        Raises:
            ValueError: if the images are not of the size that the network was made for.
        """
        check_image_size(images, self.image)
        maps, x = {}, self.style.cast(images)
        for i in range(1, self.depth + 1):
            x = maps[f"layer{i}"] = self.style.activate(getattr(self, f"layer{i}")(x))
        if self.logits is not None:
            maps["logits"] = self.logits(self.dropout(x.reshape(*x.shape[:-3], -1)))
        return maps


def connected(
    connection: str,
    size: tuple[int, ...],
    layer: tuple[int, ...],
    style: Style,
    rngs: nnx.Rngs,
) -> tuple[Callable[[jax.Array], jax.Array], tuple[int, ...]]:
    """Make a layer of this kind of connection.

    Args:
        connection: of `CONNECTIONS`.
        size: height, width and channels of its input.
        layer: its channels, window and stride.
        style: see `Style`; the activation decides the initialization.
        rngs: the random streams.

    Returns:
        The layer, and height, width and channels of its output.
    """
    height, width, in_channels = size
    channels, side, stride = layer
    window, dtype, init = (side, side), style.dtype, nn.for_activation(style.activation)
    made = (*geometry.output_size((height, width), window, stride=stride), channels)
    options = {"stride": stride, "dtype": dtype, "rngs": rngs}
    if connection == "full":
        return Full(size, made, init, dtype, rngs), made
    if connection == "convolutional":
        return nn.Conv(in_channels, channels, window, kernel_init=init, **options), made
    # The fans count taps and channels, not positions: each position has a kernel of its own.
    own = nn.for_activation(style.activation, batch_axis=(0, 1))
    local = nn.ConvLocal(
        in_channels, channels, window, input_size=(height, width), kernel_init=own, **options
    )
    return local, made


class Full(nnx.Module):
    """A dense layer between feature maps: every output sees every input.

    Args:
        size: height, width and channels of the input.
        made: height, width and channels of the output.
        kernel_init: makes the kernel from (key, shape, dtype).
        dtype: to compute in; parameters are float32 always.
        rngs: the random streams.
    """

    def __init__(
        self,
        size: tuple[int, ...],
        made: tuple[int, ...],
        kernel_init: Initializer,
        dtype: DTypeLike | None,
        rngs: nnx.Rngs,
    ):
        self.made = made
        self.dense = nnx.Linear(
            math.prod(size), math.prod(made), kernel_init=kernel_init, dtype=dtype, rngs=rngs
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', channels')."""
        batch = x.shape[:-3]
        return self.dense(x.reshape(*batch, -1)).reshape(*batch, *self.made)
