"""Stereo: from two views to the disparity of each pixel, by matching features on a row.

    stage      output                        what                                  parameters
    conv1      2 views, h/2 x w/2 x 24       5x5, stride 2, batch norm, ReLU            1,848
    conv2      2 views, h/2 x w/2 x 24       3x3, batch norm, ReLU                      5,232
    conv3      2 views, h/2 x w/2 x 24       3x3, batch norm, ReLU, + conv1             5,232
    features   2 views, h/2 x w/2 x 32       3x3                                        6,944
    volume     d/2 x h/2 x w/2 x 4           products of left and shifted right             0
    match      d/2 x h/2 x w/2 x 8           3x3x3, batch norm, ReLU                      880
    down1      d/4 x h/4 x w/4 x 16          3x3x3, stride 2, batch norm, ReLU          3,488
    down2      d/8 x h/8 x w/8 x 32          3x3x3, stride 2, batch norm, ReLU         13,888
    deep       d/8 x h/8 x w/8 x 32          3x3x3, batch norm, ReLU                   27,712
    up2        d/4 x h/4 x w/4 x 16          4x4x4 transposed, stride 2, + down1, ReLU  32,784
    up1        d/2 x h/2 x w/2 x 8           4x4x4 transposed, stride 2, + match, ReLU   8,200
    scores     d/2 x h/2 x w/2               3x3x3                                        217
    coarse     h/2 x w/2                     soft argmin of the scores                      0
    refine1    h/2 x w/2 x 32                3x3 of features and coarse, ReLU           9,536
    refine2    h/2 x w/2 x 32                3x3, dilation 2, ReLU                      9,248
    refine3    h/2 x w/2 x 32                3x3, ReLU                                  9,248
    disparity  h x w                         3x3 to 4 places, + coarse enlarged         1,156

d is `max_disparity`. Both views go through the same layers up to the features. The volume holds,
for each shift of 0, 2, ... d - 2 pixels, the products of the left features with the right ones
moved by it: means over each of 4 groups of 8 channels. Convolutions in three dimensions look at
neighbors on the row, in the column and in disparity. The mean of all shifts, weighted by the
softmax of the scores, is a disparity finer than the steps ("soft argmin"). The last layers sharpen
its edges by the left view; four channels become the four pixels of each place.

References:
    Kendall et al., *End-to-end learning of geometry and context for deep stereo regression*, 2017,
    arXiv:1703.04309, section 3. Mayer et al., *A large dataset to train convolutional networks for
    disparity, optical flow, and scene flow estimation*, 2016, arXiv:1512.02134: the products. Guo
    et al., *Group-wise correlation stereo network*, 2019, arXiv:1903.04025: their groups. Khamis et
    al., *StereoNet*, 2018, arXiv:1807.08865: the refinement. The widths are ours, for 2 CPU cores.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F

from .blocks import Style, check_images, check_rngs, last

GROUPS = 4  # of the features, each with a product of its own
MULTIPLE = 8  # of the sides of an image: they are halved three times


def stereo(
    *,
    max_disparity: int = 32,
    width: int = 8,
    in_channels: int = 3,
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "Stereo":
    """Make a stereo network.

    ```
    >>> import jax.numpy as jnp
    >>> views = jnp.zeros((1, 2, 32, 64, 3))
    >>> nnx.eval_shape(lambda: stereo(rngs=nnx.Rngs(0))(views)).shape
    (1, 32, 64)

    ```

    Args:
        max_disparity: a multiple of 8. Shifts up to `max_disparity - 2` pixels are compared.
        width: channels of the volume's first layer; the others have multiples of it.
        in_channels: channels of a view: 3 for color, 1 for gray.
        norm: ``"batch"``, ``"group"`` or ``"none"``, after those convolutions of the table.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always, and so is the
            disparity.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Kendall et al., *End-to-end learning of geometry and context*, 2017, arXiv:1703.04309.
    """
    steps = arguments.integer("max_disparity", max_disparity, at_least=MULTIPLE)
    if steps % MULTIPLE:
        raise ValueError(f"`max_disparity` must be a multiple of {MULTIPLE}; got {steps}.")
    width = arguments.integer("width", width, at_least=1)
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    return Stereo(steps // 2, width, in_channels, Style(norm=norm, dtype=dtype), rngs)


def volume(left: jax.Array, right: jax.Array, shifts: int, groups: int = 1) -> jax.Array:
    """Compare features with those of the same row that stand up to `shifts - 1` places before.

    `y[k, i, j, g] = mean over channels c of group g of left[i, j, c] right[i, j - k, c]`, and 0
    where `j < k`.

    Args:
        left: (*batch, height, width, channels).
        right: of the same shape.
        shifts: how many.
        groups: of the channels.

    Returns:
        (*batch, shifts, height, width, groups).

    Example:
        >>> x = jnp.arange(4.0).reshape(1, 4, 1)
        >>> volume(x, x, 2)[..., 0].tolist()
        [[[0.0, 1.0, 4.0, 9.0]], [[0.0, 0.0, 2.0, 6.0]]]
    """
    *batch, height, width, _ = left.shape
    before = [(0, 0)] * len(batch) + [(0, 0), (shifts - 1, 0), (0, 0)]
    padded = jnp.pad(right, before)
    made = []
    for shift in range(shifts):
        first = shifts - 1 - shift
        product = left * padded[..., first : first + width, :]
        made.append(product.reshape(*batch, height, width, groups, -1).mean(-1))
    return jnp.stack(made, len(batch))


class Stereo(nnx.Module):
    """A stereo network; see `stereo`, which makes one."""

    HEAD = ()

    def __init__(self, shifts: int, width: int, in_channels: int, style: Style, rngs: nnx.Rngs):
        check_rngs(rngs)
        self.shifts, self.in_channels, self.style = shifts, in_channels, style
        layer = style.layer(rngs)
        conv = partial(nn.Conv, padding=1, dtype=style.dtype, rngs=rngs)
        up = partial(
            nn.ConvTranspose,
            kernel_size=(4,) * 3,
            stride=2,
            padding=1,
            dtype=style.dtype,
            rngs=rngs,
        )
        w, cube = width, (3, 3, 3)
        self.conv1 = layer(in_channels, 3 * w, 5, stride=2)
        self.conv2 = layer(3 * w, 3 * w, 3)
        self.conv3 = layer(3 * w, 3 * w, 3)
        self.features = conv(3 * w, 4 * w, (3, 3))
        self.match = layer(GROUPS, w, cube)
        self.down1 = layer(w, 2 * w, cube, stride=2)
        self.down2 = layer(2 * w, 4 * w, cube, stride=2)
        self.deep = layer(4 * w, 4 * w, cube)
        self.up2, self.up1 = up(4 * w, 2 * w), up(2 * w, w)
        self.scores = conv(w, 1, cube)
        self.refine1 = conv(4 * w + 1, 4 * w, (3, 3))
        self.refine2 = conv(4 * w, 4 * w, (3, 3), padding=2, dilation=2)
        self.refine3 = conv(4 * w, 4 * w, (3, 3))
        self.disparity = conv(4 * w, 4, (3, 3), kernel_init=nn.flat(nnx.initializers.normal(0.01)))

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map pairs (*batch, 2, height, width, channels) to disparities (*batch, height, width)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: the left and the right view, (*batch, 2, height, width, channels), rectified;
                height and width are multiples of 8.

        Returns:
            What the table at the top of this file says, each after its batch axes; disparities in
            pixels, float32.

        Raises:
            ValueError: if the images have another rank, size or other channels than the network.
        """
        self._check(images)
        x = self.style.cast(images)
        maps = {"conv1": self.conv1(x)}
        maps["conv2"] = self.conv2(maps["conv1"])
        maps["conv3"] = self.conv3(maps["conv2"]) + maps["conv1"]
        maps["features"] = both = self.features(maps["conv3"])
        left = both[..., 0, :, :, :]
        maps["volume"] = volume(left, both[..., 1, :, :, :], self.shifts, GROUPS)
        maps["match"] = self.match(maps["volume"])
        maps["down1"] = self.down1(maps["match"])
        maps["down2"] = self.down2(maps["down1"])
        maps["deep"] = self.deep(maps["down2"])
        maps["up2"] = jax.nn.relu(self.up2(maps["deep"]) + maps["down1"])
        maps["up1"] = jax.nn.relu(self.up1(maps["up2"]) + maps["match"])
        maps["scores"] = self.scores(maps["up1"])[..., 0]
        maps["coarse"] = coarse = soft_argmin(maps["scores"])
        seen = jnp.concatenate([left, coarse[..., None].astype(left.dtype) / self.shifts], -1)
        maps["refine1"] = jax.nn.relu(self.refine1(seen))
        maps["refine2"] = jax.nn.relu(self.refine2(maps["refine1"]))
        maps["refine3"] = jax.nn.relu(self.refine3(maps["refine2"]))
        details = F.depth_to_space(self.disparity(maps["refine3"]), (2, 2)).astype(jnp.float32)
        large = F.upsample(2 * coarse[..., None], (2, 2), method="linear")
        maps["disparity"] = (large + details)[..., 0]
        return maps

    def _check(self, images: jax.Array) -> None:
        check_images(images, self.in_channels, (MULTIPLE, MULTIPLE))
        shape = np.shape(images)
        if len(shape) < 4 or shape[-4] != 2:
            raise ValueError(
                "`images` must be pairs of views, (*batch, 2, height, width, channels); got "
                f"{shape}."
            )
        if shape[-3] % MULTIPLE or shape[-2] % MULTIPLE:
            raise ValueError(
                f"`images` must have heights and widths that are multiples of {MULTIPLE}; got "
                f"{shape[-3:-1]}. Cut off or pad what is needed."
            )


def soft_argmin(scores: jax.Array) -> jax.Array:
    """Mean of the shifts `k`, each weighted by the softmax of its score.

    Args:
        scores: (*batch, shifts, height, width); high where the views match.

    Returns:
        (*batch, height, width) float32, in `[0, shifts - 1]`.

    References:
        Kendall et al. 2017, section 3.4.

    Example:
        >>> soft_argmin(jnp.array([0.0, 9.0, 9.0]).reshape(3, 1, 1)).round(2).tolist()
        [[1.5]]
    """
    weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-3)
    shifts = jnp.arange(scores.shape[-3], dtype=jnp.float32)
    return jnp.einsum("...khw,k->...hw", weights, shifts)
