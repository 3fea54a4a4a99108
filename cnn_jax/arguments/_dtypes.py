"""Dtypes."""

import ml_dtypes as _ml_dtypes  # noqa: F401  # so that NumPy knows "bfloat16"
import numpy as np

from ._texts import shown


def dtype(name: str, value: object) -> np.dtype:
    """`value` as a dtype, if it is one or names one.

    ```
    >>> dtype("dtype", "bfloat16")
    dtype(bfloat16)

    ```

    Raises:
        TypeError: if it is none. None, which NumPy takes for float64, and arrays are refused too.
    """
    try:
        if not isinstance(value, str | type | np.dtype):  # NumPy takes None, arrays, tuples too
            raise TypeError
        return np.dtype(value)
    except (TypeError, ValueError, SyntaxError, AttributeError):  # whatever NumPy finds in a text
        raise TypeError(
            f"`{name}` must be a dtype, such as jnp.bfloat16 or 'float32'; got {shown(value)}."
        ) from None
