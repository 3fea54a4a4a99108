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

LeCun's network of 1998 differs: it trains a scale and a bias in each pool, its second convolution
sees only some of the six feature maps, and its output is a distance to fixed patterns.

References:
    LeCun, Bottou, Bengio and Haffner, *Gradient-based learning applied to document recognition*,
    Proceedings of the IEEE, 1998, section II. Zhang et al., *Dive into Deep Learning*, section 7.6.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import geometry, nn

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}
POOLS = {"max": F.max_pool, "avg": F.avg_pool}
# The first convolution pads an image of 28x28 to the 32x32 that LeCun used.
PADDING = {28: 2, 32: 0}


def lenet(
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    input_size: int = 28,
    activation: str = "relu",
    pool: str = "max",
    dropout: float = 0.0,
    rngs: nnx.Rngs,
) -> "LeNet":
    """Make a LeNet-5.

    ```
    >>> model = lenet(rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 28, 28, 1))).shape
    (1, 10)

    ```

    Args:
        num_classes: the number of logits.
        in_channels: channels of the images.
        input_size: height and width of the images: 28 (padded by 2) or 32.
        activation: ``"relu"``, or ``"sigmoid"`` or ``"tanh"`` as of old. It decides the
            initialization: He's for ReLU, Xavier's for the others.
        pool: ``"max"`` or ``"avg"``.
        dropout: the probability of dropping a value behind each of the two hidden dense layers,
            while training.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, with dropout in training mode: call its `eval()` before looking at what it
        computes. (`cnn_jax.training` does so by itself.)

    Raises:
        TypeError: if `num_classes`, `in_channels` or `rngs` has the wrong type.
        ValueError: if an option is none of those named.

    References:
        LeCun, Bottou, Bengio and Haffner, *Gradient-based learning applied to document
        recognition*, 1998.
    """
    return LeNet(num_classes, in_channels, input_size, activation, pool, dropout, rngs)


class LeNet(nnx.Module):
    """LeNet-5; see `lenet`, which makes one."""

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        input_size: int,
        activation: str,
        pool: str,
        dropout: float,
        rngs: nnx.Rngs,
    ):
        geometry.positive_int("num_classes", num_classes)
        _check("input_size", input_size, PADDING)
        _check("activation", activation, ACTIVATIONS)
        _check("pool", pool, POOLS)
        if not 0 <= dropout < 1:
            raise ValueError(f"`dropout` must be a probability in [0, 1); got {dropout!r}.")
        self.image = (input_size, input_size, in_channels)
        self.activation, self.pool = activation, pool
        init = nn.for_activation(activation)
        padding = PADDING[input_size]
        self.conv1 = nn.Conv(in_channels, 6, (5, 5), padding=padding, kernel_init=init, rngs=rngs)
        self.conv2 = nn.Conv(6, 16, (5, 5), kernel_init=init, rngs=rngs)
        self.dense1 = nnx.Linear(5 * 5 * 16, 120, kernel_init=init, rngs=rngs)
        self.dense2 = nnx.Linear(120, 84, kernel_init=init, rngs=rngs)
        self.logits = nnx.Linear(84, num_classes, rngs=rngs)  # no activation: Flax's default
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return self.feature_maps(images)["logits"]

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last: what the network sees.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            conv1, pool1, conv2, pool2: (*batch, height, width, channels). dense1, dense2, logits:
            (*batch, features). All but the logits behind their
            activation, the dense ones while training behind dropout too.

        Raises:
            ValueError: if the images are not of the size that the network was made for.
        """
        if np.shape(images)[-3:] != self.image:
            raise ValueError(
                f"`images` must be (*batch, {', '.join(map(str, self.image))}), as the network was "
                f"made; got shape {np.shape(images)}."
            )
        activate, pool = ACTIVATIONS[self.activation], POOLS[self.pool]
        maps = {}
        maps["conv1"] = activate(self.conv1(images))
        maps["pool1"] = pool(maps["conv1"], (2, 2))
        maps["conv2"] = activate(self.conv2(maps["pool1"]))
        maps["pool2"] = pool(maps["conv2"], (2, 2))
        flat = maps["pool2"].reshape(*images.shape[:-3], -1)
        maps["dense1"] = self.dropout(activate(self.dense1(flat)))
        maps["dense2"] = self.dropout(activate(self.dense2(maps["dense1"])))
        maps["logits"] = self.logits(maps["dense2"])
        return maps


def _check(name: str, value: object, known: dict) -> None:
    if value not in tuple(known):
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, known))}; got {value!r}.")
