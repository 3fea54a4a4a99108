"""Ctrl-C: finish the epoch first, stop at once if asked twice."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a request to stop.

    The first SIGINT only sets the event, so the running epoch ends and its checkpoint is written.
    The second raises KeyboardInterrupt at once, as Ctrl-C does by default, or after XLA has
    finished compiling. The previous handler is put back at the end. Outside the main thread, where
    Python allows no handlers, nothing changes and the event stays clear.

    Returns:
        A context manager that gives the event; look at it after each epoch.

    Example:
        >>> with stop_on_interrupt() as stop:
        ...     for epoch in range(3):
        ...         if stop.is_set():
        ...             break
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request(signum, frame):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    previous = signal.signal(signal.SIGINT, request)
    try:
        yield stop
    finally:
        # None: the handler was not set from Python and cannot be put back.
        signal.signal(signal.SIGINT, signal.default_int_handler if previous is None else previous)
