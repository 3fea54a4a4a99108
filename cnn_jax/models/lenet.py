"""LeNet-5, as usually coded: two convolutions with pooling, then three dense layers.

    layer              output (28x28 input)   parameters
    conv 5x5           28 x 28 x 6                   156
    pool 2x2           14 x 14 x 6                     0
    conv 5x5           10 x 10 x 16                2,416
    pool 2x2            5 x  5 x 16                    0
    dense              120                        48,120
    dense               84                        10,164
    dense               10                           850
                                                  61,706

LeCun's network of 1998 differs, see `lenet1998`: its pools have a trainable scale and bias, each
map of its second convolution sees only some of the six feature maps, and its outputs are distances
to fixed patterns.

With `norm` a normalization stands between each hidden layer and its activation, as in section 8.5
of *Dive into Deep Learning*.

References:
    LeCun, Bottou, Bengio and Haffner, *Gradient-based learning applied to document recognition*,
    Proceedings of the IEEE, 1998, section II. Zhang et al., *Dive into Deep Learning*, sections 7.6
    and 8.5.
"""

from functools import partial
from typing import Any

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F

from .blocks import Style, check_classes, check_image_size, drop_values, head, last

POOLS = {"max": F.max_pool, "avg": F.avg_pool}
# The first convolution pads an image of 28x28 to the 32x32 that LeCun used.
PADDING = {28: 2, 32: 0}


def lenet(
    *,
    num_classes: int | None = 10,
    in_channels: int = 1,
    input_size: int = 28,
    activation: str = "relu",
    pool: str = "max",
    norm: str = "none",
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "LeNet":
    """Make a LeNet-5.

    ```
    >>> import jax.numpy as jnp
    >>> model = lenet(rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 28, 28, 1))).shape
    (1, 10)

    ```

    Args:
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        input_size: height and width of the images: 28 (padded by 2) or 32.
        activation: ``"relu"``, or ``"sigmoid"`` or ``"tanh"`` as in the 1990s. It decides the
            initialization: He's for ReLU, Xavier's for the others.
        pool: ``"max"`` or ``"avg"``.
        norm: between each hidden layer, convolution or dense, and its activation: ``"none"``,
            ``"batch"``, or ``"group"`` (of 32 groups, or as many as divide the channels). The
            layers have biases in any case, as the book's have.
        dropout: the probability of dropping a value after each of the two hidden dense layers,
            while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.
        (`cnn_jax.training` does so by itself.)

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        LeCun, Bottou, Bengio and Haffner, *Gradient-based learning applied to document
        recognition*, 1998.
    """
    size = arguments.one_of("input_size", input_size, PADDING)
    channels = arguments.integer("in_channels", in_channels, at_least=1)
    arguments.one_of("pool", pool, POOLS)
    style = Style(norm=norm, activation=activation, dropout=dropout, dtype=dtype)
    return LeNet(pool, num_classes, (size, size, channels), style, rngs)


class LeNet(nnx.Module):
    """LeNet-5; see `lenet`, which makes one."""

    HEAD = ("dense1", "dense2", "logits")

    def __init__(
        self,
        pool: str,
        num_classes: int | None,
        image: tuple[int, int, int],
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.image, self.pool, self.style = image, pool, style
        options = {"kernel_init": nn.for_activation(style.activation), "dtype": style.dtype}
        conv = partial(nn.Conv, kernel_size=(5, 5), **options, rngs=rngs)
        dense = partial(nnx.Linear, **options, rngs=rngs)

        def normalized(layer: Any, channels: int) -> Any:
            if style.norm == "none":
                return layer
            return nnx.Sequential(layer, style.normalization(channels, rngs))

        self.conv1 = normalized(conv(image[-1], 6, padding=PADDING[image[0]]), 6)
        self.conv2 = normalized(conv(6, 16), 16)
        if num_classes is not None:
            self.dense1 = normalized(dense(5 * 5 * 16, 120), 120)
            self.dense2 = normalized(dense(120, 84), 84)
        self.logits = head(84, num_classes, style.dtype, rngs)
        self.dropout = drop_values(style.dropout, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            conv1, pool1, conv2, pool2: (*batch, height, width, channels). dense1, dense2, logits:
            (*batch, features). All but the logits after their activation, the dense ones after
            dropout too.

        Raises:
            ValueError: if the images are not of the size that the network was made for.
        """
        check_image_size(images, self.image)
        activate, pool = self.style.activate, POOLS[self.pool]
        maps = {}
        maps["conv1"] = activate(self.conv1(self.style.cast(images)))
        maps["pool1"] = pool(maps["conv1"], (2, 2))
        maps["conv2"] = activate(self.conv2(maps["pool1"]))
        maps["pool2"] = pool(maps["conv2"], (2, 2))
        if self.logits is None:
            return maps
        flat = maps["pool2"].reshape(*images.shape[:-3], -1)
        maps["dense1"] = self.dropout(activate(self.dense1(flat)))
        maps["dense2"] = self.dropout(activate(self.dense2(maps["dense1"])))
        maps["logits"] = self.logits(maps["dense2"])
        return maps
