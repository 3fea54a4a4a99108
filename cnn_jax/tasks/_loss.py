"""The type of a task's loss, as `training` takes it."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

# loss(outputs, batch) -> ((n,), {name: (n,)})
Loss = Callable[[jax.Array, Mapping[str, Any]], tuple[jax.Array, dict[str, jax.Array]]]
