"""Three bilinear JAX primitives, each the transpose of the others: what JAX sees of the kernels.

    output(x, kernel)  ->  y        input_grad(kernel, g)  ->  like x
    kernel_grad(x, g)  ->  like the kernel

A call of a kernel has neither derivatives nor a rule for `jax.vmap`. These primitives have both:
the transpose of each with respect to either argument is another of the three. On CPUs they are
lowered to calls of the kernels. On every other platform they are lowered to XLA's own convolutions,
and so they are in programs that are exported, since another process has not loaded the kernels.
"""

from functools import partial

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jax.sharding import NamedSharding, PartitionSpec

from cnn_jax.geometry import Window

from ... import xla as built_in
from ...parts.mesh_axes import vary_alike
from . import batched
from .primitive import primitive


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """Convolve x (n, *spatial, c) with kernel (*size, c // groups, o) into (n, *positions, o)."""
    return _output.bind(*vary_alike(x, kernel), window=window, groups=groups)


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to x, from kernel (*size, c // groups, o), g (n, *positions, o)."""
    return _input_grad.bind(*vary_alike(kernel, g), window=window, groups=groups)


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to the kernel, from x (n, *spatial, c), g (n, *positions, o)."""
    return _kernel_grad.bind(*vary_alike(x, g), window=window, groups=groups)


# -- shapes


def _output_shape(x, kernel, *, window, groups):
    positions = window.output_size(x.shape[1:-1])
    return _like(x, (x.shape[0], *positions, kernel.shape[-1]), x.sharding.spec[:1])


def _input_grad_shape(kernel, g, *, window, groups):
    spatial = window.input_size(g.shape[1:-1])
    return _like(g, (g.shape[0], *spatial, kernel.shape[-2] * groups), g.sharding.spec[:1])


def _kernel_grad_shape(x, g, *, window, groups):
    return _like(x, (*window.size, x.shape[-1] // groups, g.shape[-1]), ())


def _like(array, shape: tuple[int, ...], split: tuple):
    """An abstract array like `array`; on an explicit mesh, its first axes are split as told."""
    spec = PartitionSpec(*split, *(None,) * (len(shape) - len(split)))
    return array.update(shape=shape, sharding=NamedSharding(array.sharding.mesh, spec))


# -- derivatives: (cotangent of the result, first argument, second argument) -> cotangent


_TRANSPOSES = {
    # of g by x and by the kernel
    "output": (
        lambda g, x, kernel, **options: input_grad(kernel, g, **options),
        lambda g, x, kernel, **options: kernel_grad(x, g, **options),
    ),
    # of dx by the kernel and by g
    "input_grad": (
        lambda dx, kernel, g, **options: kernel_grad(dx, g, **options),
        lambda dx, kernel, g, **options: output(dx, kernel, **options),
    ),
    # of dkernel by x and by g
    "kernel_grad": (
        lambda dkernel, x, g, **options: input_grad(dkernel, g, **options),
        lambda dkernel, x, g, **options: output(x, dkernel, **options),
    ),
}


def _primitive(side: str, shape) -> Primitive:
    *images, of_images = (kind != "kernel" for kind in batched.ARRAYS[side])
    made = primitive(side, shape, getattr(built_in, side), images=images, summed=not of_images)
    ad.defbilinear(made, *_TRANSPOSES[side])
    batching.primitive_batchers[made] = partial(batched.rule, side, made)
    return made


_output = _primitive("output", _output_shape)
_input_grad = _primitive("input_grad", _input_grad_shape)
_kernel_grad = _primitive("kernel_grad", _kernel_grad_shape)
