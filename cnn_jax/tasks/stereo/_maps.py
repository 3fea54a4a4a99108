"""Disparities of every pixel, as the other files take them."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def maps_of(name: str, values: ArrayLike) -> jax.Array:
    """Check disparities (n, height, width), and return them as float32."""
    array = jnp.asarray(values)
    if array.ndim != 3 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"`{name}` must be floats (n, height, width), in pixels; got "
            f"{array.dtype} {array.shape}."
        )
    return array.astype(jnp.float32)
