"""Whether a disk has room for what is about to be written."""

import errno
import os
import shutil
from pathlib import Path


def require_space(path: str | os.PathLike[str], size: int) -> None:
    """Raise the error of a full disk now, unless there is room for `size` bytes.

    For writers that do not end cleanly when the disk fills up while they write.

    Args:
        path: a file or folder that is about to be written; its parent must exist.
        size: how many bytes are about to be written.

    Raises:
        OSError: with `errno.ENOSPC` and the name `path`, if fewer bytes are free.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> require_space(folder / "small.bin", 1)
        >>> require_space(folder / "huge.bin", 2**80)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        OSError: [Errno 28] No space left on device: 1208925819614629174706176 bytes are ...
    """
    free = shutil.disk_usage(Path(path).parent).free
    if free < size:
        reason = f"{os.strerror(errno.ENOSPC)}: {size} bytes are needed and {free} are free"
        raise OSError(errno.ENOSPC, reason, str(path))
