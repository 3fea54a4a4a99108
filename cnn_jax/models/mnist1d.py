"""Small networks for MNIST-1D: signals of 40 numbers, each a bent and shifted digit.

    constructor         channels x (window, stride), or units                parameters
    mnist1d_linear      10                                                          410
    mnist1d_mlp         100, + 100, 10                                           15,210
    mnist1d_dense       285, 135, 60, 10                                         59,065
    mnist1d             15 x (3, stride 2) three times, 10                        2,050
    mnist1d_greydanus   25 x (5, stride 2), 25 x (3, stride 2) twice, 10          5,210

    constructor         feature maps, time x channels
    mnist1d             19 x 15, 9 x 15, 4 x 15: not padded
    mnist1d_greydanus   19 x 25, 10 x 25, 5 x 25: padded by 1

*Understanding Deep Learning* compares `mnist1d` and `mnist1d_dense`: the second has as many hidden
units, 19 * 15, 9 * 15 and 4 * 15, but 29 times the parameters, and generalizes worse. The others
are the baselines of the data set's authors; `mnist1d_mlp` adds the output of its first layer to
that of its second.

References:
    Prince, *Understanding Deep Learning*, 2023, section 10.2. Greydanus and Kobak, *Scaling down
    deep learning with MNIST-1D*, 2020, arXiv:2011.14439, section 2.
"""

import math
from dataclasses import dataclass
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, geometry, nn

from .blocks import Style, check_classes, check_image_size, drop_values, head, last
from .mlp import mlp


@dataclass(frozen=True)
class Variant:
    """The convolutions of a network, each of stride 2.

    Attributes:
        channels: of every convolution's output.
        windows: taps of each convolution, first to last.
        padding: zeros at each end of every convolution's input.
    """

    channels: int
    windows: tuple[int, ...]
    padding: int


VARIANTS = {
    "prince": Variant(15, (3, 3, 3), padding=0),
    "greydanus": Variant(25, (5, 3, 3), padding=1),
}


def mnist1d(
    variant: str = "prince",
    *,
    num_classes: int | None = 10,
    in_channels: int = 1,
    input_size: int = 40,
    activation: str = "relu",
    norm: str = "none",
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "MNIST1D":
    """Make a convolutional network for signals such as MNIST-1D's.

    ```
    >>> import jax.numpy as jnp
    >>> model = mnist1d(rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 40, 1))).shape
    (1, 10)

    ```

    Args:
        variant: ``"prince"``, as in *Understanding Deep Learning*, or ``"greydanus"``, by the data
            set's authors.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the signals.
        input_size: length of the signals.
        activation: ``"relu"``, ``"sigmoid"`` or ``"tanh"``. It decides the initialization: He's for
            ReLU, Xavier's for the others.
        norm: what comes before each activation, in place of the convolution's bias: ``"none"``,
            ``"batch"`` or ``"group"`` (32 groups, or as many as divide the channels).
        dropout: the probability of dropping a value before the logits, while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named, or the signals are too short.

    References:
        Prince, *Understanding Deep Learning*, 2023, section 10.2. Greydanus and Kobak, *Scaling
        down deep learning with MNIST-1D*, 2020, arXiv:2011.14439.
    """
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    time = arguments.integer("input_size", input_size, at_least=1)
    channels = arguments.integer("in_channels", in_channels, at_least=1)
    style = Style(norm=norm, activation=activation, dropout=dropout, dtype=dtype)
    return MNIST1D(shape, num_classes, (time, channels), style, rngs)


class MNIST1D(nnx.Module):
    """A convolutional network for signals; see `mnist1d`, which makes one."""

    HEAD = ("logits",)

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        signal: tuple[int, int],
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.signal, self.style, self.depth = signal, style, len(variant.windows)
        size, channels = signal[:1], signal[1]
        for i, window in enumerate(variant.windows, start=1):
            if size[0] + 2 * variant.padding < window:
                raise ValueError(
                    f"`input_size` {signal[0]} leaves nothing for the network's layer 'conv{i}'; "
                    f"it must be at least {least(variant)}."
                )
            conv = nn.Conv(
                channels,
                variant.channels,
                (window,),
                stride=2,
                padding=variant.padding,
                use_bias=style.norm == "none",
                kernel_init=nn.for_activation(style.activation),
                dtype=style.dtype,
                rngs=rngs,
            )
            setattr(self, f"conv{i}", conv)
            setattr(self, f"norm{i}", style.normalization(variant.channels, rngs))
            size = geometry.output_size(size, (window,), stride=2, padding=variant.padding)
            channels = variant.channels
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = head(math.prod(size) * channels, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map signals `images` (*batch, time, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: the signals, (*batch, time, channels).

        Returns:
            conv1, conv2, conv3, after their activation: (*batch, time, channels). logits: (*batch,
            num_classes).

        Raises:
            ValueError: if the signals are not of the size that the network was made for.
        """
        check_image_size(images, self.signal)
        maps, x = {}, self.style.cast(images)
        for i in range(1, self.depth + 1):
            y = getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(x))
            x = maps[f"conv{i}"] = self.style.activate(y)
        if self.logits is not None:
            maps["logits"] = self.logits(self.dropout(x.reshape(*x.shape[:-2], -1)))
        return maps


def least(variant: Variant) -> int:
    """The shortest signal with which every layer's output has at least one position."""
    size = 1
    for window in reversed(variant.windows):
        size = max((size - 1) * 2 + window - 2 * variant.padding, 1)
    return size


mnist1d_greydanus = partial(mnist1d, "greydanus")
mnist1d_linear = partial(mlp, input_size=(40,), widths=())
mnist1d_mlp = partial(mlp, input_size=(40,), widths=(100, 100), residual=True)
mnist1d_dense = partial(mlp, input_size=(40,), widths=(285, 135, 60))
