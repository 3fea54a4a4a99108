"""WaveNet: causal convolutions over time, each twice as dilated as the one before it.

    layer    output             what
    causal   time x channels    window of 2
    block    time x channels    z = tanh(filter) * sigmoid(gate), windows of 2, dilation d
                                passes on x + 1x1(z), and leaves out 1x1(z) for the sum
             d = 1, 2, 4 ... 512, and again in each further stack
    stack    time x skips       the sum of what the blocks left out so far
    hidden   time x skips       relu, 1x1, relu
    logits   time x classes     1x1

An output sees itself and what came before, `kernel_size` values per layer: with 10 dilations in
3 stacks a window of 2 + 3 * (1 + 2 + 4 + ... + 512) = 3,071 values,

    1 + (kernel_size - 1) * (1 + stacks * (2^layers - 1))

So the logits at time t may predict the input at t + 1, as when speech is generated value by value.

The paper gives no number of channels or stacks; the defaults are usual ones. The last block passes
nothing on, for nobody would see it.

References:
    Van den Oord et al., *WaveNet: a generative model for raw audio*, 2016, arXiv:1609.03499,
    section 2, figures 3 and 4.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from . import _checks as checks
from ._conv_norm import in_dtype


def wavenet(
    *,
    num_classes: int = 256,
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
        num_classes: the number of logits at each time.
        in_channels: channels of the signals: 1 for plain numbers, the number of levels for one-hot
            vectors.
        stacks: how often the dilations start at 1 again.
        layers: blocks in a stack, with the dilations 1, 2, 4 to 2^(layers - 1).
        kernel_size: taps of each causal convolution.
        channels: of the signal that goes from block to block, and of each block's gate.
        skip_channels: of the sum of what the blocks leave out.
        dropout: the probability of dropping a value in front of the logits, while training; none in
            the paper.
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
    checks.sizes(num_classes, in_channels)
    numbers = {
        "stacks": stacks,
        "layers": layers,
        "kernel_size": kernel_size,
        "channels": channels,
        "skip_channels": skip_channels,
    }
    for name, number in numbers.items():
        arguments.integer(name, number, at_least=1)
    checks.probability("dropout", dropout)
    return WaveNet(
        in_channels,
        num_classes,
        stacks,
        layers,
        kernel_size,
        channels,
        skip_channels,
        dropout,
        dtype,
        rngs,
    )


class WaveNet(nnx.Module):
    """A WaveNet; see `wavenet`, which makes one.

    Attributes:
        receptive_field: how many values an output sees: its own time and those before.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stacks: int,
        layers: int,
        kernel_size: int,
        channels: int,
        skip_channels: int,
        dropout: float,
        dtype: DTypeLike | None,
        rngs: nnx.Rngs,
    ):
        self.in_channels, self.dtype = in_channels, dtype
        self.stacks, self.layers = stacks, layers
        self.receptive_field = 1 + (kernel_size - 1) * (1 + stacks * (2**layers - 1))
        causal = partial(nn.Conv, padding="CAUSAL", dtype=dtype, rngs=rngs)
        self.causal = causal(in_channels, channels, (kernel_size,))
        for i in range(stacks * layers):
            dilation, is_last = 2 ** (i % layers), i + 1 == stacks * layers
            block = Block(channels, skip_channels, kernel_size, dilation, is_last, dtype, rngs)
            setattr(self, f"block{i + 1}", block)
        dense = partial(nnx.Linear, dtype=dtype, rngs=rngs)
        self.hidden = dense(skip_channels, skip_channels, kernel_init=nn.for_activation("relu"))
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)
        # No activation behind it: Flax's default.
        self.logits = dense(skip_channels, num_classes)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map signals `images` (*batch, time, channels) to logits (*batch, time, num_classes)."""
        return self.feature_maps(images)["logits"]

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: the signals, (*batch, time, channels).

        Returns:
            causal: (*batch, time, channels). stack1, stack2 and so on, the sum of what all blocks
            left out up to that stack's end, and hidden: (*batch, time, skip_channels). logits:
            (*batch, time, num_classes).

        Raises:
            ValueError: if the signals have another rank or other channels than the network.
        """
        checks.images(images, self.in_channels, (1,))
        maps = {"causal": self.causal(in_dtype(images, self.dtype))}
        x, sums = maps["causal"], []
        for i in range(self.stacks * self.layers):
            x, skip = getattr(self, f"block{i + 1}")(x)
            sums.append(sums[-1] + skip if sums else skip)
        for stack in range(1, self.stacks + 1):
            maps[f"stack{stack}"] = sums[stack * self.layers - 1]
        maps["hidden"] = jax.nn.relu(self.hidden(jax.nn.relu(sums[-1])))
        maps["logits"] = self.logits(self.dropout(maps["hidden"]))
        return maps


class Block(nnx.Module):
    """A gated, dilated, causal convolution; see the file's table.

    Args:
        channels: of its input, of its gate and of what it passes on.
        skip_channels: of what it leaves out.
        kernel_size: taps of the convolution.
        dilation: of the convolution.
        is_last: whether no block follows, so that it passes nothing on.
        dtype: to compute in; parameters are float32 always.
        rngs: the random streams.
    """

    def __init__(
        self,
        channels: int,
        skip_channels: int,
        kernel_size: int,
        dilation: int,
        is_last: bool,
        dtype: DTypeLike | None,
        rngs: nnx.Rngs,
    ):
        # Filter and gate in one convolution: the first and second half of its channels.
        self.gated = nn.Conv(
            channels,
            2 * channels,
            (kernel_size,),
            padding="CAUSAL",
            dilation=dilation,
            kernel_init=nn.for_activation("tanh"),
            dtype=dtype,
            rngs=rngs,
        )
        self.skip = nnx.Linear(channels, skip_channels, dtype=dtype, rngs=rngs)
        passed = None if is_last else nnx.Linear(channels, channels, dtype=dtype, rngs=rngs)
        self.passed = passed

    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Map x (*batch, time, channels) to what is passed on, of the same shape, and the skip."""
        convolved, gate = jnp.split(self.gated(x), 2, axis=-1)
        z = jnp.tanh(convolved) * jax.nn.sigmoid(gate)
        return (x if self.passed is None else x + self.passed(z)), self.skip(z)
