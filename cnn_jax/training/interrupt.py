"""Ctrl-C and SIGTERM: save first, stop at once if asked twice."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from .hosts import largest


class Stop(threading.Event):
    """Whether a signal has asked to stop, this process or another one of the run, and which.

    Attributes:
        signal: its number; None before.

    Example:
        >>> stop = Stop()
        >>> stop.is_set(), stop.exit_code
        (False, 0)
    """

    def __init__(self):
        super().__init__()
        self.signal: int | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of a process that a signal ended: 128 + its number; 0 without one."""
        return 0 if self.signal is None else 128 + self.signal


def asked_anywhere(stop: Any) -> bool:
    """Whether any of the processes was asked to stop; all must call it together."""
    number = largest(getattr(stop, "signal", None) or int(stop.is_set()))
    if number and isinstance(stop, Stop) and not stop.is_set():
        stop.signal = number
        stop.set()
    return number > 0


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """Turn the first SIGINT (Ctrl-C) or SIGTERM into a request to stop.

    The first signal only sets the event. `fit(stop=stop)` looks at it, saves where the run stands,
    and ends. A second SIGINT raises KeyboardInterrupt at once, as Ctrl-C does by default, or after
    XLA has finished compiling; a second SIGTERM ends the process. The previous handlers are put
    back at the end. Outside the main thread, where Python allows no handlers, nothing changes and
    the event stays clear.

    Returns:
        A context manager that gives the event.

    Example:
        >>> with stop_on_signal() as stop:
        ...     for epoch in range(3):
        ...         if stop.is_set():
        ...             break
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    at_once = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}

    def request(number, frame):
        for asked, handler in at_once.items():
            signal.signal(asked, handler)
        stop.signal = number
        stop.set()

    previous = {asked: signal.signal(asked, request) for asked in at_once}
    try:
        yield stop
    finally:
        for asked, handler in previous.items():
            # None: the handler was not set from Python and cannot be put back.
            signal.signal(asked, at_once[asked] if handler is None else handler)
