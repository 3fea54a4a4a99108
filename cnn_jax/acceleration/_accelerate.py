"""`accelerate`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from cnn_jax import arguments

from ._explanation import explain
from ._interpreter import run
from ._traced import apply

F = TypeVar("F", bound=Callable[..., Any])


def accelerate(f: F) -> F:
    """Return `f` with its convolutions and window reductions computed by this library.

    `f` may be made with Haiku, Equinox, Flax, Keras or plain `jax.lax`. On CPUs its
    convolutions, their gradients, and max, min and sum pools run as those of `functional` do with
    ``algorithm="auto"``; everything else runs as it was written. On GPU and TPU the function stays
    as it is, unless `cnn_jax.autotune` found another algorithm to be faster there.

    ```
    >>> import jax, jax.numpy as jnp
    >>> from jax import lax
    >>> import cnn_jax
    >>> @jax.jit
    ... @cnn_jax.accelerate
    ... def layer(x, kernel):
    ...     y = lax.conv_general_dilated(x, kernel, (1, 1), "VALID")
    ...     return lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    >>> layer(jnp.arange(16.0).reshape(1, 1, 4, 4), jnp.ones((1, 1, 1, 1)))
    Array([[[[ 5.,  7.],
             [13., 15.]]]], dtype=float32)

    ```

    A transformation like those of JAX, which it composes with: ``jax.jit(accelerate(f))``,
    ``jax.grad(accelerate(f))`` and ``accelerate(jax.grad(f))`` all run our gradients. It follows
    `f` into `jit`, `scan`, `while_loop`, `cond`, `checkpoint`, `custom_jvp`, `custom_vjp` and
    `shard_map`. ``accelerate.explain(f, *args)`` says what it replaces in a call and what not.

    Each call traces `f`, as under `jax.jit`, and runs its operations one by one: put `jax.jit`
    around it, outermost.

    Args:
        f: a function, or any object that can be called, without side effects. Arrays in its
            arguments, which may be pytrees, are traced; everything else, such as functions,
            strings and Python's numbers and flags, reaches `f` as it is. A `flax.nnx.Module` that
            `f` changes, as batch normalization does in training, must be split and merged inside
            of `f`, as for `jax.jit`.

    Returns:
        A function with the arguments and results of `f`. Where sums run in another order, results
        differ by rounding.

    Raises:
        TypeError: if `f` is not callable.
    """
    arguments.function("f", f, "arrays or pytrees of them")

    @wraps(f, updated=())
    def accelerated(*args: Any, **kwargs: Any) -> Any:
        return apply(run, f, args, kwargs)

    return accelerated  # pyright: ignore[reportReturnType]


accelerate.explain = explain  # pyright: ignore[reportFunctionMemberAccess]
