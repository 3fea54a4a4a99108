"""Simple baseline: a backbone, three transposed convolutions, and a heatmap for each joint.

    stage      output of h x w   simple_baseline_resnet50        simple_baseline_small
    stem       h/2  x w/2        7x7 64                          3x3 24
    pool       h/4  x w/4        3x3 maximum                     none
    stage1     h/4  x w/4        3 x [1x1 64, 3x3 64, 1x1 256]   2 x [3x3 48, 3x3 48]
    stage2     h/8  x w/8        4 x [..., 1x1 512]              2 x [3x3 96, 3x3 96]
    stage3     h/16 x w/16       6 x [..., 1x1 1024]             2 x [3x3 160, 3x3 160]
    stage4     h/32 x w/32       3 x [..., 1x1 2048]             none
    up1        twice the size    4x4 256, transposed             4x4 128, transposed
    up2        twice the size    4x4 256, transposed             4x4 96, transposed
    up3        twice the size    4x4 256, transposed             4x4 64, transposed
    logits     the size of up3   1x1, a heatmap for each joint   the same
    cell       pixels on a side  4                               2

    parameters for 17 joints, as in COCO                         for 14
    simple_baseline_resnet50     33,999,697  (published: 34.0 M) simple_baseline_small  1,841,254
    simple_baseline_resnet101    52,991,825  (53.0 M)
    simple_baseline_resnet152    68,635,473  (68.6 M)

The backbone is a ResNet without its head. All transposed convolutions have stride 2, a batch norm
and a ReLU. A heatmap is high where its joint is; see `tasks.pose`. Nothing goes past the coarsest
map: it alone must know where all joints are. The small network is ours, for pictures of 64 x 64 and
two CPU cores.

References:
    Xiao, Wu and Wei, *Simple baselines for human pose estimation and tracking*, 2018,
    arXiv:1804.06208, section 2 and table 2.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_classes, check_images, last
from .centernet import Up
from .resnet import Residual, resnet
from .resnet import Variant as Blocks


@dataclass(frozen=True)
class Variant:
    """A column of the table: the name of a ResNet, or the small one's channels."""

    backbone: str | None
    up: tuple[int, int, int] = (256, 256, 256)  # channels of the transposed convolutions
    stem: int = 24
    widths: tuple[int, int, int] = (48, 96, 160)
    blocks: int = 2  # of each stage


VARIANTS = {
    "simple_baseline_resnet50": Variant("resnet50"),
    "simple_baseline_resnet101": Variant("resnet101"),
    "simple_baseline_resnet152": Variant("resnet152"),
    "simple_baseline_small": Variant(None, (128, 96, 64)),
}


def simple_baseline(
    variant: str,
    *,
    num_classes: int | None = 17,
    in_channels: int = 3,
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "SimpleBaseline":
    """Make a simple baseline; `simple_baseline_resnet50` and so on name the variant.

    To begin with published weights of a ResNet: ``load_weights(model.backbone, file)``.

    ```
    >>> images = jnp.zeros((1, 64, 64, 3))
    >>> nnx.eval_shape(
    ...     lambda: simple_baseline_small(num_classes=14, rngs=nnx.Rngs(0))(images)
    ... ).shape
    (1, 32, 32, 14)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of joints, each with a heatmap; None leaves out the last layer, see
            `cnn_jax.models`.
        in_channels: channels of the images.
        norm: ``"batch"``, ``"group"`` (32 groups) or ``"none"``.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    return SimpleBaseline(shape, num_classes, in_channels, Style(norm=norm, dtype=dtype), rngs)


class SimpleBaseline(nnx.Module):
    """A simple baseline; see `simple_baseline`, which makes one."""

    HEAD = ("logits",)

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
        if variant.backbone is None:
            self.backbone = Backbone(variant, in_channels, style, rngs)
            self.coarsest, channels = 2 ** (1 + len(variant.widths)), variant.widths[-1]
        else:
            options = {"norm": style.norm, "dtype": style.dtype, "rngs": rngs}
            self.backbone = resnet(
                variant.backbone, num_classes=None, in_channels=in_channels, **options
            )
            basic = variant.backbone in ("resnet18", "resnet34")
            self.coarsest, channels = 32, 512 if basic else 2048
        for number, width in enumerate(variant.up, 1):
            setattr(self, f"up{number}", Up(channels, width, style, rngs))
            channels = width
        small = nn.flat(
            nnx.initializers.normal(0.001)
        )  # as published: the first heatmaps are all low
        conv = partial(nn.Conv, kernel_init=small, dtype=style.dtype, rngs=rngs)
        self.logits = None if num_classes is None else conv(channels, num_classes, (1, 1))

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to heatmaps.

        Returns:
            (*batch, height / 4, width / 4, num_classes); of the small network half the height and
            width. Their peaks are about 1.
        """
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels); height and width are multiples of the
                coarsest stride, 32 or 16.

        Returns:
            stem, pool (of a ResNet), stage1, ..., up1, up2, up3, logits: (*batch, height', width',
            channels).

        Raises:
            ValueError: if the images have another rank, size or channels than the network takes.
        """
        check_images(images, self.in_channels, (self.coarsest, self.coarsest))
        if any(length % self.coarsest for length in np.shape(images)[-3:-1]):
            raise ValueError(
                f"`images` must have a height and a width that are multiples of {self.coarsest}; "
                f"got shape {np.shape(images)}."
            )
        maps = self.backbone.feature_maps(self.style.cast(jnp.asarray(images)))
        x = maps[max(name for name in maps if name.startswith("stage"))]
        for name in ("up1", "up2", "up3"):
            x = maps[name] = getattr(self, name)(x)
        if self.logits is not None:
            maps["logits"] = self.logits(x)
        return maps


class Backbone(nnx.Module):
    """The way down of the small network: a stem and three stages, each of which halves the maps."""

    def __init__(self, variant: Variant, in_channels: int, style: Style, rngs: nnx.Rngs):
        self.stem, channels = (
            style.layer(rngs)(in_channels, variant.stem, 3, stride=2),
            variant.stem,
        )
        kind = Blocks((1, 1, 1, 1), bottleneck=False)
        for stage, width in enumerate(variant.widths, 1):
            chain = []
            for block in range(variant.blocks):
                stride = 1 if block else 2
                chain.append(Residual(channels, (width, width), stride, kind, style, 0.0, rngs))
                channels = width
            setattr(self, f"stage{stage}", nnx.Sequential(*chain))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name."""
        maps = {"stem": self.stem(images)}
        for name in ("stage1", "stage2", "stage3"):
            maps[name] = getattr(self, name)(last(maps))
        return maps


simple_baseline_resnet50 = partial(simple_baseline, "simple_baseline_resnet50")
simple_baseline_resnet101 = partial(simple_baseline, "simple_baseline_resnet101")
simple_baseline_resnet152 = partial(simple_baseline, "simple_baseline_resnet152")
simple_baseline_small = partial(simple_baseline, "simple_baseline_small")
