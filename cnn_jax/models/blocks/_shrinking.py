"""How a network halves its feature maps: by a stride, which aliases, or without aliasing."""

import jax
import jax.numpy as jnp

from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

DOWNSAMPLING = ("stride", "blur", "polyphase")
# The smallest images that can be halved twice: without and with ``padding_mode="reflect"``. A
# reflection needs 2 rows; the blur reflects in the first case too.
LEAST = {"stride": (1, 5), "blur": (3, 5), "polyphase": (4, 8)}


def shrink(
    x: jax.Array,
    stride: int,
    downsample: str,
    padding_mode: PaddingMode = "zeros",
    phase: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array | None]:
    """Downsample both axes by `stride`, keeping one of `stride` positions on each.

    Args:
        x: (*batch, height, width, channels).
        stride: the factor by which both axes get shorter.
        downsample: ``"stride"``: the layer before had the stride, so `x` is returned as it is;
            ``"blur"``: `x` is blurred by [1, 2, 1] / 4, then every `stride`-th position is kept
            (Zhang 2019); ``"polyphase"``: of the stride * stride grids of such positions, the one
            with the largest norm is kept (Chaman and Dokmanić 2021); `stride` must divide the axes.
        padding_mode: of the blur; ``"zeros"`` means ``"reflect"``.
        phase: (*batch), the number of the grid to keep; None means that of the largest norm.

    Returns:
        (*batch, height', width', channels), and the number of the grid that was kept, None unless
        polyphase. A block's shortcut must keep the same grid as its layers.

    References:
        Zhang, *Making convolutional networks shift-invariant again*, 2019, arXiv:1904.11486.
        Chaman and Dokmanić, *Truly shift-invariant convolutional neural networks*, 2021,
        arXiv:2011.14214.
    """
    if downsample == "stride" or stride == 1:
        return x, None
    if downsample == "blur":
        around = "reflect" if padding_mode == "zeros" else padding_mode
        return F.blur_pool(x, (3, 3), stride=stride, padding_mode=around), None
    if phase is None:
        return F.polyphase_pool(x, (stride, stride))
    phases = F.space_to_depth(x, (stride, stride))
    phases = phases.reshape(*phases.shape[:-1], stride * stride, x.shape[-1])
    index = jnp.expand_dims(phase, tuple(range(phase.ndim, phases.ndim)))
    return jnp.take_along_axis(phases, index, axis=-2).squeeze(-2), phase


def max_pool(
    x: jax.Array,
    window: int,
    stride: int,
    padding: int,
    downsample: str,
    padding_mode: PaddingMode = "zeros",
) -> jax.Array:
    """Max pooling: with its stride, or with stride 1 followed by `shrink`.

    Args:
        x: (*batch, height, width, channels).
        window: of the pool, on both axes.
        stride: the factor by which both axes get shorter.
        padding: at both ends of both axes, if `downsample` is ``"stride"``. Otherwise the pool
            pads so that the size stays the same.
        downsample: as for `shrink`.
        padding_mode: as for `functional.pad`, but ``"zeros"`` pads with minus infinity, which is
            never the maximum.

    Returns:
        (*batch, height', width', channels).
    """
    low, high = (padding,) * 2 if downsample == "stride" else ((window - 1) // 2, window // 2)
    if padding_mode != "zeros":
        x, low, high = F.pad(x, ((low, high),) * 2, padding_mode=padding_mode), 0, 0
    step = stride if downsample == "stride" else 1
    y = F.max_pool(x, (window, window), stride=step, padding=((low, high),) * 2)
    return shrink(y, stride, downsample, padding_mode)[0]
