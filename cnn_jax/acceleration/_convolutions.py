"""What a convolution of a jaxpr is: a forward pass, or the gradient of one.

A jaxpr knows only ``conv_general_dilated``. The gradients that JAX derives from a convolution are
convolutions again, with their axes and windows in other roles, which the forward algorithms do not
suit: the kernel's gradient has a window as large as the feature map. So they are told apart:

    input gradient    has dilated inputs or a flipped kernel, and no strides
    kernel gradient   sums over the first axis of both operands, which holds the images
    convolution       everything else
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import functional as F
from cnn_jax.algorithms import vary_alike
from cnn_jax.geometry import Window, dilated

from ._equations import source
from ._plan import Plan, planned


def plan(equation: Any, made_by: Mapping[Any, Any]) -> Plan:
    """How to compute a ``conv_general_dilated``.

    Args:
        equation: the equation.
        made_by: the equations that flip a variable, by the one that they make.
    """
    lhs, rhs = equation.invars
    options, numbers = equation.params, equation.params["dimension_numbers"]
    window = _window(lhs, rhs, options)
    shared = {"precision": _precision(options["precision"]), "result": equation.outvars[0].aval}
    floats = jnp.issubdtype(lhs.aval.dtype, jnp.floating)
    groups, batch_groups = options["feature_group_count"], options["batch_group_count"]
    if not all((floats, window.rank, *window.size, *shared["result"].shape)):
        pass
    elif groups == 1 and numbers.lhs_spec[1] == numbers.rhs_spec[1] == 0:
        given = dict(shared, window=window, numbers=numbers, groups=batch_groups)
        return planned(
            "kernel gradient", "kernel_grad", equation, partial(_kernel_grad, **given), (lhs, rhs)
        )
    elif batch_groups == 1 and set(window.stride) == {1}:
        spatial = frozenset(numbers.rhs_spec[2:])
        flip = source(rhs, made_by)
        given = dict(shared, window=window, numbers=numbers, groups=groups)
        if flip is not None and frozenset(flip.params.get("dimensions", ())) == spatial:
            compute = partial(_input_grad, **given)
            return planned("input gradient", "input_grad", equation, compute, (lhs, flip.invars[0]))
        if max(window.base_dilation) > 1:
            compute = lambda y, kernel: _input_grad(y, lax.rev(kernel, tuple(spatial)), **given)  # noqa: E731
            return planned("transposed convolution", "input_grad", equation, compute, (lhs, rhs))
    if "out_sharding" in options:
        options = {name: value for name, value in options.items() if name != "out_sharding"}
    options = {**options, "precision": shared["precision"]}
    return planned(
        "convolution", "output", equation, partial(F.conv_general_dilated, **options), (lhs, rhs)
    )


def _window(lhs: Any, rhs: Any, options: Mapping[str, Any]) -> Window:
    numbers = options["dimension_numbers"]
    return Window(
        tuple(rhs.aval.shape[axis] for axis in numbers.rhs_spec[2:]),
        tuple(options["window_strides"]),
        tuple((int(low), int(high)) for low, high in options["padding"]),
        tuple(options["rhs_dilation"]),
        tuple(options["lhs_dilation"]),
    )


def _precision(given: Any) -> Any:
    """One precision for both operands: the higher of two."""
    if isinstance(given, tuple) and all(isinstance(p, lax.Precision) for p in given):
        return max(given, key=lambda p: p.value)
    return given


def _input_grad(
    y: jax.Array,
    kernel: jax.Array,
    *,
    window: Window,
    numbers: lax.ConvDimensionNumbers,
    groups: int,
    precision: Any,
    result: Any,
) -> jax.Array:
    """The gradient with respect to x of the convolution whose outputs have the cotangent `y`.

    `window` and `numbers` are those of the convolution of `y` with the kernel flipped. There the
    input channels of the forward pass are the outputs of the kernel, and its groups are theirs.
    """
    (n, c, *places), (o, i, *window_axes) = numbers.lhs_spec, numbers.rhs_spec
    kernel = kernel.transpose(*window_axes, o, i)
    if groups > 1:
        *size, channels, per_group = kernel.shape
        kernel = kernel.reshape(*size, groups, channels // groups, per_group)
        kernel = jnp.moveaxis(kernel, -3, -2).reshape(*size, channels // groups, -1)
    forward = window.of_input_grad()
    x = F.conv_transpose(
        y.transpose(n, *places, c),
        kernel,
        stride=forward.stride,
        padding=forward.padding,
        dilation=forward.dilation,
        groups=groups,
        precision=precision,
        preferred_element_type=result.dtype,
    )
    return _placed(x, numbers.out_spec)


def _kernel_grad(
    x: jax.Array,
    g: jax.Array,
    *,
    window: Window,
    numbers: lax.ConvDimensionNumbers,
    groups: int,
    precision: Any,
    result: Any,
) -> jax.Array:
    """The gradient with respect to the kernel of the convolution of x whose outputs have the
    cotangent `g`.

    `window` and `numbers` are those of the convolution of x with `g` as its kernel: its batch are
    the channels of x, and its channels are the images.
    """
    (channels, images, *places), (o, i, *positions) = numbers.lhs_spec, numbers.rhs_spec
    x = x.transpose(images, *places, channels).astype(result.dtype)
    g = g.transpose(i, *positions, o).astype(result.dtype)
    size = window.output_size(x.shape[1:-1])
    kernel = jnp.zeros((*size, x.shape[-1] // groups, g.shape[-1]), result.dtype)
    kernel = vary_alike(kernel, x, g)[0]  # else JAX would sum its gradient over devices
    # What lies beyond the last position of g must not give the forward pass another position.
    ends = [
        (p - 1) * s + dilated(k, d) - low - dilated(n, b)
        for p, s, k, d, (low, _), n, b in zip(
            window.size, window.dilation, size, window.stride, window.padding,
            x.shape[1:-1], window.base_dilation,
        )
    ]  # fmt: skip
    forward = partial(
        F.conv,
        x,
        stride=window.dilation,
        padding=[(low, high) for (low, _), high in zip(window.padding, ends)],
        dilation=window.stride,
        input_dilation=window.base_dilation,
        groups=groups,
        precision=precision,
    )
    (by_kernel,) = jax.vjp(forward, kernel)[1](g)
    return _placed(jnp.moveaxis(by_kernel, -2, 0), numbers.out_spec)


def _placed(y: jax.Array, spec: Sequence[int]) -> jax.Array:
    """y (batch, *positions, channels) with its axes where `spec` (batch, channels, ...) says."""
    batch, channels, *places = spec
    return y.transpose(np.argsort((batch, *places, channels)))
