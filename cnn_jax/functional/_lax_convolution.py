"""`conv_general_dilated`: `conv` under the name and with the signature that it has in lax."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike, DTypeLike

from cnn_jax import arguments
from cnn_jax.arguments import shown, with_hints
from cnn_jax.geometry import Pair

from . import _checks as checks
from ._convolution import conv
from ._lax_window import lax_window
from ._numbers import number_dtype


@with_hints
def conv_general_dilated(
    lhs: ArrayLike,
    rhs: ArrayLike,
    window_strides: Sequence[int],
    padding: str | Sequence[Pair],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: DTypeLike | None = None,
    out_sharding: None = None,
    *,
    algorithm: str = "auto",
) -> jax.Array:
    """Convolve as `jax.lax.conv_general_dilated` does, with its arguments, by our algorithms.

    To run Flax's layers by our algorithms, pass it to them:
    ``flax.nnx.Conv(..., conv_general_dilated=F.conv_general_dilated)``, and likewise in Linen.
    ``F.using(algorithm=...)`` sets the algorithm there.

    ```
    >>> import jax.numpy as jnp
    >>> conv_general_dilated(jnp.ones((1, 2, 5)), jnp.ones((3, 2, 4)), (1,), "VALID").shape
    (1, 3, 2)

    ```

    Args:
        lhs: the input, its axes in the order that `dimension_numbers` gives; by default (n, c,
            *spatial).
        rhs: the kernel; by default (o, c, *window).
        window_strides, padding, lhs_dilation, rhs_dilation: for each spatial axis, as in lax; every
            padding of `conv` is taken.
        dimension_numbers: as in lax: None, three strings such as ``("NHWC", "HWIO", "NHWC")``, or a
            `jax.lax.ConvDimensionNumbers`.
        feature_group_count: as `groups` of `conv`.
        batch_group_count: splits the batch into groups; each is convolved with an equal part of the
            output channels' filters.
        precision, preferred_element_type: as in lax.
        out_sharding: must be None.
        algorithm: as for `conv`.

    Returns:
        What lax returns, of the dtype of `lhs` or `preferred_element_type`: an empty array where
        the window does not fit, and sums of narrow integers that wrap around. (Unlike lax's,
        results are right for negative padding of large arrays.)

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.
    """
    x, kernel = checks.array("lhs", lhs), checks.array("rhs", rhs)
    if not 2 <= x.ndim == kernel.ndim:
        raise ValueError(
            "`lhs` and `rhs` must have a number of axes in common, at least 2; got shapes "
            f"{x.shape} and {kernel.shape}."
        )
    if out_sharding is not None:
        raise ValueError(
            "`out_sharding` must be None: constrain the result with "
            f"jax.lax.with_sharding_constraint; got {shown(out_sharding)}."
        )
    numbers = _dimension_numbers(x, kernel, dimension_numbers)
    (n, c, *places), (o, i, *window_axes), (_, _, *out_places) = numbers
    x = x.transpose(n, *places, c)
    kernel = kernel.transpose(*window_axes, i, o)
    groups = arguments.integer("feature_group_count", feature_group_count, at_least=1)
    batch_groups = arguments.integer("batch_group_count", batch_group_count, at_least=1)
    if batch_groups > 1:
        x, groups = _groups_of_images(x, kernel, batch_groups, groups), batch_groups

    window = lax_window(
        x.shape[1:-1],
        kernel.shape[:-2],
        padding,
        window_strides=window_strides,
        rhs_dilation=rhs_dilation,
        lhs_dilation=lhs_dilation,
    )
    result = x.dtype
    if preferred_element_type is None and checks.common_dtype(lhs=x, rhs=kernel) != result:
        raise TypeError(
            f"`rhs` must not be wider than `lhs`, {x.dtype}, unless `preferred_element_type` is "
            f"given; got {kernel.dtype}."
        )
    if preferred_element_type is not None:
        result = number_dtype("preferred_element_type", preferred_element_type)
    positions = window.output_size(x.shape[1:-1])
    if min(window.size, default=1) < 1 or min(positions, default=1) < 1:
        positions = tuple(max(p, 0) for p in positions)
        y = jnp.zeros((len(x), *positions, kernel.shape[-1]), result)
    else:
        y = conv(
            x,
            kernel,
            stride=window.stride,
            padding=window.padding,
            dilation=window.dilation,
            input_dilation=window.base_dilation,
            groups=groups,
            algorithm=algorithm,
            precision=precision,
            preferred_element_type=None if jnp.issubdtype(result, jnp.integer) else result,
        ).astype(result)
    (batch_place, channel_place, *out_places) = numbers.out_spec
    return y.transpose(np.argsort((batch_place, *out_places, channel_place)))


def _dimension_numbers(x: jax.Array, kernel: jax.Array, given: Any) -> lax.ConvDimensionNumbers:
    """Where batch, channels and spatial axes are in operands and result, as lax finds them."""
    try:
        return lax.conv_dimension_numbers(x.shape, kernel.shape, given)
    except Exception as error:  # lax raises several types, some of them internal
        raise ValueError(
            "`dimension_numbers` must be None, three strings such as ('NHWC', 'HWIO', 'NHWC') or a "
            f"`jax.lax.ConvDimensionNumbers`, for `lhs` {x.shape} and `rhs` {kernel.shape}; got "
            f"{shown(given)}."
        ) from error


def _groups_of_images(
    x: jax.Array, kernel: jax.Array, image_groups: int, channel_groups: int
) -> jax.Array:
    """Turn groups of images into groups of channels: (g n, ..., c) becomes (n, ..., g c)."""
    if channel_groups > 1:
        raise ValueError(
            "Only one of `feature_group_count` and `batch_group_count` may be more than 1; got "
            f"{channel_groups} and {image_groups}."
        )
    if len(x) % image_groups or kernel.shape[-1] % image_groups:
        raise ValueError(
            "`batch_group_count` must divide the batch and the output channels; got "
            f"{image_groups} for {len(x)} and {kernel.shape[-1]}."
        )
    groups = x.reshape(image_groups, len(x) // image_groups, *x.shape[1:])
    split = jnp.moveaxis(groups, 0, -2)
    return split.reshape(*split.shape[:-2], image_groups * x.shape[-1])
