"""What an algorithm is: the functions that it may offer, and the problems that it may be given."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cnn_jax.geometry import Window

Convolution = Callable[[jax.Array, jax.Array, Window, int], jax.Array]
Sliding = Callable[[jax.Array, Window], jax.Array]
PoolGradient = Callable[[jax.Array, jax.Array, jax.Array, Window], jax.Array]


@dataclass(frozen=True)
class Problem:
    """One side of a convolution, or one pool: shapes, window and dtype, without the arrays.

    Attributes:
        side: the function of an `Algorithm` that is to compute it, such as ``"kernel_grad"``.
        x: the shape of the input, (n, *spatial, c).
        kernel: the shape of the kernel, (*size, c // groups, o); empty for a pool.
        window: an exact window, as `geometry.fit` returns it.
        groups: the number of groups of channels.
        dtype: the name of the dtype to compute in.
    """

    side: str
    x: tuple[int, ...]
    kernel: tuple[int, ...]
    window: Window
    groups: int
    dtype: str

    @property
    def positions(self) -> tuple[int, ...]:
        """The number of positions on each axis."""
        return self.window.output_size(self.x[1:-1])

    @property
    def taps(self) -> int:
        """The number of taps of the window."""
        return math.prod(self.window.size)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return jnp.dtype(self.dtype).itemsize

    @property
    def is_float(self) -> bool:
        return jnp.issubdtype(jnp.dtype(self.dtype), jnp.floating)

    @property
    def multiplications(self) -> int:
        """The number of products of an element and a weight, those with padding included."""
        return self.x[0] * math.prod(self.positions) * math.prod(self.kernel)


def _takes_everything(problem: Problem) -> None:
    """The `unsupported` of an algorithm that computes every problem."""


def _everywhere() -> None:
    """The `unavailable` of an algorithm that every machine computes by."""


def _takes_no_memory(problem: Problem) -> int:
    """The `workspace` of an algorithm that needs none, or whose need is unknown."""
    return 0


@dataclass(frozen=True, eq=False)
class Algorithm:
    """One way to compute convolutions, pools or patches: the functions that it offers.

    x is (n, *spatial, c), with one batch axis; a kernel is (*size, c // groups, o); y and its
    cotangent g are (n, *positions, o), for a pool (n, *positions, c). Windows are exact
    (`geometry.fit`). All functions are made of operations that JAX can transform. None stands for a
    function that the algorithm does not offer.

    Attributes:
        output: (x, kernel, window, groups) -> y, the convolution.
        input_grad: (kernel, g, window, groups) -> like x, the gradient with respect to x, linear in
            both arrays. If it is None, the transpose of `output` is used.
        kernel_grad: (x, g, window, groups) -> like the kernel, the gradient with respect to the
            kernel. If it is None, the transpose of `output` is used.
        local: (x, kernel, window, groups) -> y, as `output`, but with a kernel for each position:
            (*positions, *size, c // groups, o).
        max_pool: (x, window) -> y, the largest element of each window; NaN if the window holds one.
        min_pool: (x, window) -> y, the smallest element likewise.
        sum_pool: (x, window) -> y, the sum of each window. If the algorithm divides, it is
            (x, window, divisor) -> y, the sum over the divisor.
        max_pool_grad: (x, y, g, window) -> like x, the gradient of `max_pool`: each element of g is
            added to the first maximum, in row-major order, of its window. It is linear in g. If it
            is None, JAX differentiates `max_pool` itself, to which `parts.extremes.differentiable`
            gives a tangent rule, or which is made of primitives that have one (`native`, whose
            forward pass notes where each maximum stands if it is differentiated).
        min_pool_grad: (x, y, g, window) -> like x, the gradient of `min_pool` likewise.
        sum_pool_grad: (x, y, g, window) -> like x, the gradient of `sum_pool` likewise.
        patches: (x, window) -> (n, *positions, taps, c), the elements of each window.
        widens: whether the algorithm itself sums bfloat16, float16 and narrow integers in a wider
            dtype. If not, its caller converts the operands to that dtype and rounds the result.
        crops: whether its convolutions and pools take windows of negative padding, which drops
            elements of x. If not, its caller drops them: a copy of all others.
        divides: whether `sum_pool` takes a divisor, a whole number. If not, its caller divides.
        unsupported: problem -> why the algorithm does not compute it, or None if it does.
        unavailable: () -> why this machine cannot compute by it, or None. It is asked only where a
            call names the algorithm, since it may take long.
        workspace: problem -> bytes that it expects to need besides its arguments and results.
    """

    output: Convolution | None = None
    input_grad: Convolution | None = None
    kernel_grad: Convolution | None = None
    local: Convolution | None = None
    max_pool: Sliding | None = None
    min_pool: Sliding | None = None
    sum_pool: Callable[..., jax.Array] | None = None
    max_pool_grad: PoolGradient | None = None
    min_pool_grad: PoolGradient | None = None
    sum_pool_grad: PoolGradient | None = None
    patches: Sliding | None = None
    widens: bool = False
    crops: bool = False
    divides: bool = False
    unsupported: Callable[[Problem], str | None] = _takes_everything
    unavailable: Callable[[], str | None] = _everywhere
    workspace: Callable[[Problem], int] = _takes_no_memory

    def side(self, name: str) -> Callable[..., jax.Array]:
        """The function of that name, which the algorithm must offer."""
        return getattr(self, name)
