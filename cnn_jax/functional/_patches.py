"""The elements of each window as an array, and the adjoint: `unfold` and `fold`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import choose, crop, sum_dtype, vary_alike
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike

from . import _checks as checks
from ._sliding import of_window, slide, sliding_window


@with_hints
def unfold(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    algorithm: str = "auto",
) -> jax.Array:
    """Copy the elements of each window, tap by tap; elements in the padding are zero.

    ``y[p, t, c] = x[p * stride + t * dilation - low, c]``. A convolution is a matrix product of
    these patches with the kernel, taps and input channels flattened to one axis (im2col).

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
        algorithm: how it is computed: ``"auto"``, or a name, such as ``"vmap"``, of one that can:
            ``python -m cnn_jax.algorithms`` lists them.

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
    positions = resolved.output_size(x.shape[x.ndim - resolved.rank - 1 : -1])
    geometry.check_size(
        "window", (*positions, math.prod(resolved.size)), "the result, with its taps,"
    )
    # In a wide dtype, so that the gradient, a sum over overlapping windows, is wide too.
    return slide(algorithm, "patches", x.astype(sum_dtype(x.dtype)), resolved).astype(x.dtype)


@with_hints
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
    """Add each element of the patches to the place that `unfold` copies from: its exact adjoint.

    Element ``i`` of the result is the sum of all the elements that `unfold` copies it to::

        x[i, c] = sum over p, t with p * stride + t * dilation - low == i of patches[p, t, c]

    Elements in no window are zero. After `unfold` this multiplies each element by the number of
    windows that hold it: where windows overlap, it is not the inverse.

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
    size = arguments.lengths("window", window, example=3)
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
