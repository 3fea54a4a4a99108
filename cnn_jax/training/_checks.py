"""Checks of the arguments of `training`'s functions, on the host, before anything is compiled."""

import jax
import jax.numpy as jnp

from cnn_jax import arguments


def check_type(name: str, value: object, kind: type, described: str) -> None:
    """Refuse a value that is no instance of `kind`."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be {described}; got {_kind(value)}.")


def check_optimizer(optimizer: object) -> None:
    """Refuse what has no `init` and `update`, as every optimizer of optax has."""
    if isinstance(optimizer, type) or not all(
        callable(getattr(optimizer, method, None)) for method in ("init", "update")
    ):
        raise TypeError(
            "`optimizer` must be an optax.GradientTransformation, such as optax.adam(1e-3); "
            f"got {_kind(optimizer)}."
        )


def check_key(key: jax.Array) -> jax.Array:
    """Return the key; refuse what is not one typed key."""
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape:
        given = f"{key.dtype}{list(key.shape)}" if isinstance(key, jax.Array) else None
        raise TypeError(
            "`key` must be one typed key, as jax.random.key(seed) makes; "
            f"got {given or arguments.shown(key)}."
        )
    return key


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
