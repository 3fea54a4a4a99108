"""A file that one process at a time holds."""

import os
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: two processes are not kept apart
    fcntl = None


class Locked(OSError):
    """Another process holds the file; the message says which.

    Example:
        >>> issubclass(Locked, OSError)
        True
    """


class Lock:
    """A file that this process holds until `release`, or until nobody has the lock any more.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / ".lock"
        >>> lock(file).release()
        >>> held = lock(file)
    """

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def release(self) -> None:
        """Let others have the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self):
        self.release()


def lock(path: str | os.PathLike[str]) -> Lock:
    """Hold a file until the lock is released or garbage, or the process ends in whatever way.

    Args:
        path: the file, made if it does not exist; its folder must exist.

    Raises:
        Locked: another process holds it, or this one does already.
        OSError: it cannot be written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / ".lock"
        >>> held = lock(file)
        >>> lock(file)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        cnn_jax.files._lock.Locked: process ... holds ...
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Locked(f"process {holder} holds {Path(path)}") from None
        except OSError:  # a network folder without locks
            pass
    with suppress(OSError):  # a full disk: the lock holds, and says nothing
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return Lock(descriptor)
