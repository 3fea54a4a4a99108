"""WaveNet: causal convolutions over time, each with twice the dilation of the one before it.

    layer    output             what
    causal   time x channels    window of 2
    block    time x channels    z = tanh(filter) * sigmoid(gate), windows of 2, dilation d;
                                x + 1x1(z) goes to the next block, another 1x1(z) into the sum
             d = 1, 2, 4 ... 512, and again in each further stack
    stack    time x skips       the sum over all blocks so far
    hidden   time x skips       relu, 1x1, relu
    logits   time x classes     1x1

The output at time t sees the inputs up to time t. Its receptive field has the length

    1 + (kernel_size - 1) * (1 + stacks * (2^layers - 1)),

for 3 stacks of 10 dilations 2 + 3 * (1 + 2 + 4 + ... + 512) = 3,071 inputs. So the logits at time t
may predict the input at t + 1, as when speech is generated value by value.

The paper does not give the number of channels or stacks; the defaults are usual ones. The last
block only adds to the sum, as no block follows it.

References:
    Van den Oord et al., *WaveNet: a generative model for raw audio*, 2016, arXiv:1609.03499,
    section 2, figures 3 and 4.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_classes, check_images, drop_values, head, last


@dataclass(frozen=True)
class Variant:
    """The numbers that make a WaveNet; see `wavenet`. Each must be a positive int."""

    stacks: int = 3
    layers: int = 10
    kernel_size: int = 2
    channels: int = 32
    skip_channels: int = 256

    def __post_init__(self) -> None:
        for name, number in vars(self).items():
            arguments.integer(name, number, at_least=1)


def wavenet(
    *,
    num_classes: int | None = 256,
    in_channels: int = 256,
    stacks: int = 3,
    layers: int = 10,
    kernel_size: int = 2,
    channels: int = 32,
    skip_channels: int = 256,
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "WaveNet":
    """Make a WaveNet; by default for sound of 256 levels, as one-hot vectors.

    ```
    >>> model = wavenet(stacks=2, layers=3, in_channels=1, rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 40, 1))).shape
    (1, 40, 256)
    >>> model.receptive_field
    16

    ```

    Args:
        num_classes: the number of logits at each time; None leaves out the head, see
            `cnn_jax.models`.
        in_channels: channels of the signals: 1 for plain numbers, the number of levels for one-hot
            vectors.
        stacks: how many times the dilations go from 1 to 2^(layers - 1).
        layers: blocks in a stack, with the dilations 1, 2, 4 to 2^(layers - 1).
        kernel_size: taps of each causal convolution.
        channels: of the signal that goes from block to block, and of each block's gate.
        skip_channels: of the sum over all blocks.
        dropout: the probability of dropping a value before the logits, while training; none in the
            paper.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if a number is too small.

    References:
        Van den Oord et al., *WaveNet: a generative model for raw audio*, 2016, arXiv:1609.03499.
    """
    variant = Variant(stacks, layers, kernel_size, channels, skip_channels)
    style = Style(norm="none", dropout=dropout, dtype=dtype)
    return WaveNet(variant, num_classes, in_channels, style, rngs)


class WaveNet(nnx.Module):
    """A WaveNet; see `wavenet`, which makes one.

    Attributes:
        receptive_field: how many inputs an output sees, the last one at its own time.
    """

    HEAD = ("hidden", "logits")

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        in_channels: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.style = in_channels, style
        self.stacks, self.layers = variant.stacks, variant.layers
        layers, blocks = variant.layers, variant.stacks * variant.layers
        window = variant.kernel_size
        self.receptive_field = 1 + (window - 1) * (1 + variant.stacks * (2**layers - 1))
        options = {"dtype": style.dtype, "rngs": rngs}
        self.causal = nn.Conv(in_channels, variant.channels, (window,), padding="CAUSAL", **options)
        for i in range(blocks):
            block = Block(variant, 2 ** (i % layers), i + 1 == blocks, style, rngs)
            setattr(self, f"block{i + 1}", block)
        init, skips = nn.for_activation("relu"), variant.skip_channels
        with_head = num_classes is not None
        self.hidden = nnx.Linear(skips, skips, kernel_init=init, **options) if with_head else None
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = head(skips, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map signals `images` (*batch, time, channels) to logits (*batch, time, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: the signals, (*batch, time, channels).

        Returns:
            causal: (*batch, time, channels). stack1, stack2 and so on, the sum over all blocks up
            to that stack's end, and hidden: (*batch, time, skip_channels). logits: (*batch, time,
            num_classes).

        Raises:
            ValueError: if the signals have another rank or other channels than the network.
        """
        check_images(images, self.in_channels, (1,))
        maps = {"causal": self.causal(self.style.cast(images))}
        x, sums = maps["causal"], []
        for i in range(self.stacks * self.layers):
            x, skip = getattr(self, f"block{i + 1}")(x)
            sums.append(sums[-1] + skip if sums else skip)
        for stack in range(1, self.stacks + 1):
            maps[f"stack{stack}"] = sums[stack * self.layers - 1]
        if self.hidden is not None and self.logits is not None:
            maps["hidden"] = jax.nn.relu(self.hidden(jax.nn.relu(sums[-1])))
            maps["logits"] = self.logits(self.dropout(maps["hidden"]))
        return maps


class Block(nnx.Module):
    """A gated, dilated, causal convolution; see the file's table.

    Args:
        variant: sets the channels of its input, its gate and its outputs, and its window.
        dilation: of the convolution.
        is_last: whether no block follows, so that this one only adds to the sum.
        style: see `Style`.
        rngs: the random streams.
    """

    def __init__(
        self, variant: Variant, dilation: int, is_last: bool, style: Style, rngs: nnx.Rngs
    ):
        channels, options = variant.channels, {"dtype": style.dtype, "rngs": rngs}
        # Filter and gate in one convolution: the first and second half of its channels.
        self.gated = nn.Conv(
            channels,
            2 * channels,
            (variant.kernel_size,),
            padding="CAUSAL",
            dilation=dilation,
            kernel_init=nn.for_activation("tanh"),
            **options,
        )
        self.skip = nnx.Linear(channels, variant.skip_channels, **options)
        self.passed = None if is_last else nnx.Linear(channels, channels, **options)

    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Map x (*batch, time, channels) to the next block's input and a summand for the sum."""
        convolved, gate = jnp.split(self.gated(x), 2, axis=-1)
        z = jnp.tanh(convolved) * jax.nn.sigmoid(gate)
        return (x if self.passed is None else x + self.passed(z)), self.skip(z)
