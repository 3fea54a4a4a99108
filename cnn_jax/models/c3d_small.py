"""A small network for short videos, with windows of any depth in time.

    stage    output (t x h x w, 3 channels)   depth 3   depth 1   windows
    stage1   t x h/2 x w/2 x 16                 1,328       464   depth x 3 x 3; maximum 1 x 2 x 2
    stage2   t x h/4 x w/4 x 32                13,888     4,672   the same
    stage3   t x h/8 x w/8 x 64                55,424    18,560   the same
    mean     64, of all times and places                          no order is left
    logits   10                                   650       650
                                               71,290    24,346 parameters

Each convolution is followed by batch normalization and a ReLU. Time keeps its length; the mean over
it comes last. With depth 1 the windows see single frames, and the mean does not know their order:
such a network gives the same logits for a video and for its frames shuffled. With depth 3 a unit of
stage3 sees seven frames. Tran et al. compare depths so, in networks with maxima over time and dense
layers; this one is ours.

References:
    Tran, Bourdev, Fergus, Torresani and Paluri, *Learning spatiotemporal features with 3D
    convolutional networks*, 2014, arXiv:1412.0767, section 3.2.
"""

from collections.abc import Sequence

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F

from .blocks import Style, check_classes, check_images, check_rngs, head, last


def c3d_small(
    *,
    depth: int = 3,
    num_classes: int | None = 10,
    in_channels: int = 3,
    channels: Sequence[int] = (16, 32, 64),
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "C3DSmall":
    """Make a small network for videos.

    ```
    >>> import jax.numpy as jnp
    >>> videos = jnp.zeros((2, 8, 32, 32, 3))
    >>> nnx.eval_shape(lambda: c3d_small(rngs=nnx.Rngs(0))(videos)).shape
    (2, 10)

    ```

    Args:
        depth: frames that a window sees, an odd number; with 1 each frame is seen alone.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the videos.
        channels: of the convolutions, one for each stage.
        norm: ``"batch"``, ``"group"`` (32 groups) or ``"none"``, after each convolution.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Tran et al., *Learning spatiotemporal features with 3D convolutional networks*, 2014,
        arXiv:1412.0767.
    """
    depth = arguments.integer("depth", depth, at_least=1)
    if depth % 2 == 0:
        raise ValueError(f"`depth` must be odd, so that time keeps its length; got {depth}.")
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    widths = arguments.lengths("channels", channels, source="the network", example=16)
    if not widths:
        raise ValueError("`channels` must have an entry for each stage; got ().")
    return C3DSmall(depth, num_classes, in_channels, widths, Style(norm=norm, dtype=dtype), rngs)


class C3DSmall(nnx.Module):
    """A small network for videos; see `c3d_small`, which makes one."""

    HEAD = ("logits",)

    def __init__(
        self,
        depth: int,
        num_classes: int | None,
        in_channels: int,
        widths: tuple[int, ...],
        style: Style,
        rngs: nnx.Rngs,
    ):
        check_rngs(rngs)
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.stages, self.style = in_channels, len(widths), style
        inputs = in_channels
        for number, width in enumerate(widths, 1):
            setattr(self, f"stage{number}", style.layer(rngs)(inputs, width, (depth, 3, 3)))
            inputs = width
        self.logits = head(inputs, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map videos `images` (*batch, time, height, width, channels) to (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: the videos, (*batch, time, height, width, channels), of any size that the pools
                leave something of.

        Returns:
            stage1 and so on, after their pool: (*batch, time, height, width, channels). mean and
            logits: (*batch, features).

        Raises:
            ValueError: if the videos have another rank or other channels than the network, or are
                too small for its pools.
        """
        least = 2**self.stages
        check_images(images, self.in_channels, (1, least, least), f"stage{self.stages}")
        maps, x = {}, self.style.cast(images)
        for number in range(1, self.stages + 1):
            x = maps[f"stage{number}"] = F.max_pool(getattr(self, f"stage{number}")(x), (1, 2, 2))
        if self.logits is None:
            return maps
        maps["mean"] = F.global_avg_pool(x, spatial_rank=3)
        maps["logits"] = self.logits(maps["mean"])
        return maps
