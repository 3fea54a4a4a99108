"""What each window sees, written out, and its adjoint: `unfold` and `fold`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import choose, crop, sum_dtype, vary_alike
from cnn_jax.geometry import PaddingLike

from . import _checks as checks
from ._sliding import of_window, slide, sliding_window


def unfold(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    algorithm: str = "auto",
) -> jax.Array:
    """Write out what each window sees, tap by tap; elements in the padding are zero.

    ``y[p, t, c] = x[p * stride + t * dilation - low, c]``. A convolution is one matrix product of
    these patches and the kernel, its taps and input channels flattened (im2col).

    ```
    >>> import jax.numpy as jnp
    >>> unfold(jnp.array([1.0, 2.0, 4.0, 8.0])[:, None], (2,))[..., 0]
    Array([[1., 2.],
           [2., 4.],
           [4., 8.]], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels), any number of batch axes.
        window: one int per spatial axis; its length is the spatial rank.
        stride: input steps between two windows.
        padding: as for `conv`; negative entries crop.
        dilation: input steps between two taps.
        algorithm: how it is computed: ``"auto"``, ``"xla"`` or ``"vmap"``.

    Returns:
        (*batch, *positions, taps, channels), of the dtype of `x`, the taps in row-major order, with
        ``positions = (padded - ((window - 1) * dilation + 1)) // stride + 1`` on each axis.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Chellapilla, Puri and Simard, *High performance convolutional neural networks for document
        processing*, 2006.
    """
    x = checks.array("x", x)
    resolved = sliding_window(x, window, stride, padding, dilation)
    # Wide, so that the gradient, which adds what overlaps, is summed wide as well.
    return slide(algorithm, "patches", x.astype(sum_dtype(x.dtype)), resolved).astype(x.dtype)


def fold(
    patches: ArrayLike,
    spatial: int | Sequence[int],
    window: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    algorithm: str = "auto",
) -> jax.Array:
    """Add patches up where `unfold` took them from: its exact adjoint.

    Element ``i`` of an input of lengths `spatial` is the sum of all that `unfold` copied it to::

        x[i, c] = sum over p, t with p * stride + t * dilation - low == i of patches[p, t, c]

    Elements that no window sees are zero. Where windows overlap this does not undo `unfold`: it
    multiplies each element by the number of windows that see it.

    ```
    >>> import jax.numpy as jnp
    >>> patches = unfold(jnp.array([1.0, 2.0, 4.0, 8.0])[:, None], (2,))
    >>> fold(patches, (4,), (2,)).ravel()
    Array([1., 4., 8., 8.], dtype=float32)

    ```

    Args:
        patches: (*batch, *positions, taps, channels), any number of batch axes.
        spatial: the spatial lengths of the result.
        window, stride, padding, dilation, algorithm: as for `unfold`.

    Returns:
        (*batch, *spatial, channels), of the dtype of `patches`, or int32 for narrower integers.
        bfloat16 and float16 are summed in float32 and rounded once.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.
    """
    patches = checks.array("patches", patches)
    size = checks.window_size(window)
    source = f"`window` {size}"
    spatial = arguments.per_axis("spatial", spatial, len(size), source)
    resolved = geometry.resolve(
        spatial, size, stride=stride, padding=padding, dilation=dilation, source=source
    )
    positions, taps = resolved.output_size(spatial), math.prod(resolved.size)
    split = patches.ndim - resolved.rank - 2
    if split < 0 or patches.shape[split:-1] != (*positions, taps):
        raise ValueError(
            "`patches` must be (*batch, *positions, taps, channels), here with positions "
            f"{positions} and {taps} taps, as `spatial` {spatial} and {source} say; "
            f"got shape {patches.shape}."
        )
    batch, channels = patches.shape[:split], patches.shape[-1]
    drops, exact = geometry.fit(resolved, spatial)
    wide = patches.astype(sum_dtype(patches.dtype))
    wide = wide.reshape(math.prod(batch), *positions, taps, channels)
    like_x = vary_alike(jnp.zeros((len(wide), *spatial, channels), wide.dtype), wide)[0]
    patches_of = choose(algorithm, of_window("patches", like_x, exact)).side("patches")
    unfolded = jax.linear_transpose(lambda x: patches_of(crop(x, drops), exact), like_x)
    (x,) = unfolded(wide)
    integers = jnp.issubdtype(patches.dtype, jnp.integer)
    return x.astype(wide.dtype if integers else patches.dtype).reshape(*batch, *x.shape[1:])
