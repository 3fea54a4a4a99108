"""The arrays of a checkpoint, by Orbax."""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

# Upper bounds of what Orbax writes besides the arrays' bytes; measured: 38 kB and 0.2 kB per array.
EXTRA_BYTES, EXTRA_BYTES_PER_ARRAY = 2**16, 2**10


class Damaged(Exception):
    """A checkpoint whose checksums are right is none of a run."""


def size(arrays: Mapping[str, np.ndarray]) -> int:
    """At most how many bytes these arrays take on the disk."""
    return EXTRA_BYTES + sum(a.nbytes + EXTRA_BYTES_PER_ARRAY for a in arrays.values())


def write(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays; Orbax's ValueError holds a system error as text: raise that OSError."""
    try:
        with _orbax() as checkpointer:
            checkpointer.save(folder, args=ocp.args.StandardSave(dict(arrays)))
    except ValueError as error:
        code = re.search(r"os_error_code='(\d+)'", str(error))
        if code is None and os.strerror(errno.ENOSPC) not in str(error):
            raise
        number = int(code[1]) if code else errno.ENOSPC
        raise OSError(number, os.strerror(number), str(folder)) from error


def read(folder: Path, like: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
    """Read arrays of these shapes and dtypes.

    Raises:
        Damaged: they are not there.
    """
    targets = {name: np.empty(a.shape, a.dtype) for name, a in like.items()}
    try:
        with _orbax() as checkpointer:
            arrays = checkpointer.restore(folder, args=ocp.args.StandardRestore(targets))
        return {name: arrays[name] for name in targets}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"it cannot be read: {str(error).splitlines()[0]}") from error


def placed(array: Any, like: Any) -> Any:
    """Put a restored array where `like` is if that is on several devices; else JAX's default."""
    if isinstance(like, jax.Array) and len(like.sharding.device_set) > 1:
        value = np.asarray(array)
        return jax.make_array_from_callback(value.shape, like.sharding, lambda index: value[index])
    return jnp.array(array)


def _orbax() -> ocp.Checkpointer:
    if jax.process_count() == 1:
        return ocp.Checkpointer(ocp.StandardCheckpointHandler())
    me = jax.process_index()  # each process on its own: Orbax would wait for the others
    options = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}"
    )
    return ocp.Checkpointer(
        ocp.StandardCheckpointHandler(multiprocessing_options=options),
        multiprocessing_options=options,
    )
