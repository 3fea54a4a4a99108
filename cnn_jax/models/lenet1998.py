"""LeNet-5 as it was in 1998: trainable subsampling, a sparse table of connections, fixed targets.

    layer                        output         trainable   connections
    C1      conv 5x5             28 x 28 x 6          156       122,304
    S2      subsample 2x2        14 x 14 x 6           12         5,880
    C3      sparse conv 5x5      10 x 10 x 16       1,516       151,600
    S4      subsample 2x2         5 x  5 x 16          32         2,000
    C5      conv 5x5              1 x  1 x 120     48,120        48,120
    F6      dense                84                10,164        10,164
    output  distances to the     10                     0           840
            targets, 840 fixed                     60,000       340,908

What `lenet` leaves out: S2 and S4 sum windows of 2x2, multiply by a trainable coefficient and add a
bias, one of each per map. Each map of C3 sees another subset of the maps of S2, so that the maps
learn different features. The activation 1.7159 tanh(2x/3), which maps 1 to 1, follows every layer
up to F6. A class is represented by a fixed picture of its digit, 12 rows of 7 pixels that are 1 or
-1: F6 has a unit for each pixel, and the predicted class is that of the picture nearest to F6's
output. The paper's figure 3 shows the original pictures; those here were drawn anew.

References:
    LeCun, Bottou, Bengio and Haffner, *Gradient-based learning applied to document recognition*,
    Proceedings of the IEEE, 1998, section II.B, table I.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F

from ._digits import DIGITS, checked
from .blocks import Style, check_image_size, last

# Which maps of S2 each map of C3 sees: the paper's table I, column by column.
_COLUMNS = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"
TABLE = tuple(tuple(map(int, column)) for column in _COLUMNS.split())
# The function, and fan_in times the variance of the weights before it.
ACTIVATIONS = {
    "scaled_tanh": (lambda x: 1.7159 * jnp.tanh(x * (2 / 3)), 1.0),
    "tanh": (jnp.tanh, 1.0),
    "relu": (jax.nn.relu, 2.0),
}
# The first convolution pads an image of 28x28 to the 32x32 that LeCun used.
PADDING = {32: 0, 28: 2}


def lenet1998(
    *,
    in_channels: int = 1,
    input_size: int = 32,
    targets: ArrayLike | None = DIGITS,
    activation: str = "scaled_tanh",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "LeNet1998":
    """Make the LeNet-5 of 1998.

    ```
    >>> model = lenet1998(rngs=nnx.Rngs(0))
    >>> maps = model.feature_maps(jnp.zeros((1, 32, 32, 1)))
    >>> maps["logits"].shape
    (1, 10)
    >>> bool((maps["logits"] == -maps["distances"]).all())
    True

    ```

    The weights start with variance 1 / fan_in, for which the activation was designed (LeCun et al.,
    *Efficient BackProp*, 1998). The paper draws them uniformly from [-2.4 / fan_in, 2.4 / fan_in],
    of smaller variance. Subsampling starts as average pooling.

    Args:
        in_channels: channels of the images.
        input_size: height and width of the images: 32, or 28 (padded by 2).
        targets: (num_classes, 84), a picture for each class, its 12 rows of 7 pixels one after the
            other, usually 1 and -1; by default the ten digits. None leaves out the head, F6 and the
            distances, see `cnn_jax.models`.
        activation: ``"scaled_tanh"``, as published; ``"tanh"``, which never quite reaches a target;
            or ``"relu"``, which is never negative, with initial weights of twice the variance.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always, and so are
            the distances: close to 84, bfloat16 has steps of a half.
        rngs: the random stream ``params``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named, or `targets` have another shape.
    """
    channels = arguments.integer("in_channels", in_channels, at_least=1)
    size = arguments.one_of("input_size", input_size, PADDING)
    arguments.one_of("activation", activation, ACTIVATIONS)
    pictures = None if targets is None else checked(targets)
    image, style = (size, size, channels), Style(norm="none", dtype=dtype)
    return LeNet1998(activation, pictures, image, style, rngs)


class LeNet1998(nnx.Module):
    """The LeNet-5 of 1998; see `lenet1998`, which makes one."""

    HEAD = ("f6", "logits")

    def __init__(
        self,
        activation: str,
        targets: np.ndarray | None,
        image: tuple[int, int, int],
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = None if targets is None else len(targets)
        self.image, self.activation, self.style = image, activation, style
        variance = ACTIVATIONS[activation][1]
        init = nn.variance_scaling(variance, distribution="normal")
        options = {"kernel_init": init, "dtype": style.dtype, "rngs": rngs}
        self.c1 = nn.Conv(image[-1], 6, (5, 5), padding=PADDING[image[0]], **options)
        self.s2 = Subsample(6)
        self.c3 = SparseConv(TABLE, variance, style.dtype, rngs)
        self.s4 = Subsample(16)
        self.c5 = nn.Conv(16, 120, (5, 5), **options)
        self.f6 = None if targets is None else nnx.Linear(120, 84, **options)
        self.logits = None if targets is None else RadialBasis(targets)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: (*batch, height, width, channels); the paper's white is -0.1, black 1.175.

        Returns:
            c1, s2, c3, s4, c5: (*batch, height, width, channels), and f6: (*batch, 84), after their
            activation. distances: (*batch, num_classes), squared, from f6 to the targets.
            logits: minus the distances; their cross entropy is the paper's equation 9 without j.

        Raises:
            ValueError: if the images are not of the size that the network was made for.
        """
        check_image_size(images, self.image)
        squash, maps = ACTIVATIONS[self.activation][0], {}
        maps["c1"] = squash(self.c1(self.style.cast(images)))
        maps["s2"] = squash(self.s2(maps["c1"]))
        maps["c3"] = squash(self.c3(maps["s2"]))
        maps["s4"] = squash(self.s4(maps["c3"]))
        maps["c5"] = squash(self.c5(maps["s4"]))
        if self.f6 is not None and self.logits is not None:
            maps["f6"] = squash(self.f6(maps["c5"].squeeze((-3, -2))))
            logits = self.logits(maps["f6"])
            maps["distances"], maps["logits"] = -logits, logits
        return maps


class Subsample(nnx.Module):
    """Sum windows of 2x2, multiply by a coefficient, add a bias: one of each per map.

    Args:
        channels: the number of maps.

    Attributes:
        coefficient: (channels,); starts at 1/4, which makes the sum an average.
        bias: (channels,).
    """

    def __init__(self, channels: int):
        self.coefficient = nnx.Param(jnp.full((channels,), 0.25))
        self.bias = nnx.Param(jnp.zeros((channels,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height / 2, width / 2, channels)."""
        shape = (1,) * (x.ndim - 1) + (-1,)
        coefficient, bias = (
            parameter.astype(x.dtype).reshape(shape)
            for parameter in (self.coefficient[...], self.bias[...])
        )
        return F.sum_pool(x, (2, 2)) * coefficient + bias


class SparseConv(nnx.Module):
    """A 5x5 convolution in which each output map sees some of the input maps.

    Args:
        table: for each output map, the input maps that it sees.
        variance: initial variance of a weight, times the number of inputs of its unit.
        dtype: to compute in; parameters are float32 always.
        rngs: the random streams.

    Attributes:
        kernel: (5, 5, pairs), a window for each pair of maps that the table connects.
        bias: (number of output maps,).
    """

    def __init__(
        self,
        table: tuple[tuple[int, ...], ...],
        variance: float,
        dtype: DTypeLike | None,
        rngs: nnx.Rngs,
    ):
        self.table, self.dtype = table, dtype
        inputs = np.array([25 * len(seen) for seen in table for _ in seen])
        deviation = jnp.asarray(np.sqrt(variance / inputs), jnp.float32)
        windows = jax.random.normal(rngs.params(), (5, 5, len(inputs))) * deviation[None, None]
        self.kernel = nnx.Param(windows)
        self.bias = nnx.Param(jnp.zeros((len(table),)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, inputs) to (*batch, height - 4, width - 4, outputs)."""
        pairs = [(seen, out) for out, row in enumerate(self.table) for seen in row]
        source, target = np.array(pairs).T
        windows = self.kernel[...]
        dense = jnp.zeros((5, 5, x.shape[-1], len(self.table)), windows.dtype)
        kernel = dense.at[:, :, source, target].set(windows)
        if self.dtype is not None:
            x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        return F.conv(x, kernel, self.bias[...])


class RadialBasis(nnx.Module):
    """Minus the squared distance of a vector to each of some targets.

    Args:
        targets: (number, length).

    Attributes:
        targets: the same, as a variable that is no parameter, so training does not change it.
    """

    def __init__(self, targets: np.ndarray):
        self.targets = nnx.Variable(jnp.asarray(targets))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, length) to -sum over i of (x[i] - targets[k, i])^2: (*batch, number)."""
        dtype = jnp.float32 if x.dtype.itemsize < 4 else x.dtype
        targets = jnp.expand_dims(self.targets[...].astype(dtype), tuple(range(x.ndim - 1)))
        return -jnp.sum((x.astype(dtype)[..., None, :] - targets) ** 2, axis=-1)
