"""Join the other processes of a run, and end when one of them does."""

import atexit
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from cnn_jax import arguments

from ._together import from_first

AUTO = "auto"
BACKSTOP = 50  # seconds after which JAX itself ends the others; the watcher takes 30 at most
WAITING = 15  # seconds after which a process says that it waits; JAX ends it after 300
RESTART = "Start all of them again: training goes on from the last checkpoint."


@contextlib.contextmanager
def connected(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    hint: str = RESTART,
) -> Iterator[None]:
    """Join the other processes of a run; then `jax.devices()` are the devices of all.

    Each process runs the same program. It must enter this before it calls anything else of JAX that
    looks for devices or computes. If a process fails or dies while it is inside, all others end
    with a message on stderr and a nonzero exit code: at once, or after 30 s if its host is silent.

    With no argument it does nothing, unless `srun`, `mpirun` or a TPU pod's environment started
    several processes. With `coordinator="auto"` JAX looks at the environment, and at the metadata
    of a Cloud TPU.

    Args:
        coordinator: `host:port` of the first process, which listens there; or `"auto"`.
        processes: how many there are; 1 does nothing.
        process: which one this is, from 0.
        hint: what the message says about how to go on.

    Returns:
        A context manager.

    Raises:
        TypeError, ValueError: an argument is wrong or missing, or with `"auto"` the environment
            does not say what JAX needs.
        RuntimeError: JAX is in use already, or the others cannot be reached.

    Example:
        >>> with connected(processes=1):
        ...     print(jax.process_count())
        1
    """
    _check(coordinator, processes, process)
    named = coordinator not in (None, AUTO)
    if processes == 1 or not (named or coordinator == AUTO or _started_by_launcher()):
        yield
        return
    _initialize(coordinator if named else None, processes, process)
    if jax.process_count() == 1:
        yield
        return
    with _watched(coordinator if named else None, hint):
        yield


def _check(coordinator: Any, processes: Any, process: Any) -> None:
    if coordinator is not None and not isinstance(coordinator, str):
        raise TypeError(f"`coordinator` must be a text; got {arguments.shown(coordinator)}.")
    if processes is not None:
        arguments.integer("processes", processes, at_least=1)
    if process is not None:
        arguments.integer("process", process, at_least=0)
    if processes == 1:
        return
    if coordinator is None or coordinator == AUTO:
        if processes is not None or process is not None:
            raise ValueError(
                "`coordinator` must be HOST:PORT of the first process if `processes` or `process` "
                f"is given; got {coordinator!r}."
            )
        return
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"`coordinator` must be HOST:PORT or {AUTO!r}; got {coordinator!r}.")
    if processes is None or process is None:
        raise ValueError("`coordinator` needs `processes` and `process`.")
    if process >= processes:
        raise ValueError(f"`process` must be under `processes`, {processes}; got {process}.")


def _started_by_launcher() -> bool:
    """Whether Slurm's `srun`, Open MPI, or a TPU pod's environment names several processes.

    Only what is there for this very process counts: in an interactive Slurm job, `SLURM_NTASKS` is
    set too.
    """
    counts = (os.environ.get(n, "") for n in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"))
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "")
    return any(n.isdecimal() and int(n) > 1 for n in counts) or "," in hosts


def _initialize(coordinator: str | None, processes: int | None, process: int | None) -> None:
    if coordinator is not None and process == 0:
        _check_port(coordinator)
    patience = threading.Timer(WAITING, _say_waiting, (coordinator, process))
    patience.daemon = True
    patience.start()
    try:
        jax.distributed.initialize(
            coordinator, processes, process, heartbeat_timeout_seconds=BACKSTOP
        )
    except ValueError as error:
        raise ValueError(
            "`coordinator`, `processes` and `process` must be given: the environment does not "
            f"name the other processes ({error})"
        ) from error
    except RuntimeError as error:
        if "before" in str(error) or "once" in str(error):
            raise RuntimeError(
                "`connected` must be entered once, before any other call of JAX that looks for "
                f"devices or computes: {error}"
            ) from error
        raise
    finally:
        patience.cancel()
    if threading.current_thread() is threading.main_thread():
        # JAX catches SIGTERM from now on and does nothing: give it back to Python.
        handler = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)


def _check_port(coordinator: str) -> None:
    """Refuse a port that is in use: JAX would end the process without an exception."""
    port = int(coordinator.rpartition(":")[2])
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise ValueError(
            f"`coordinator` must have a port that is free where the first process runs; {port}: "
            f"{os.strerror(error.errno or 0)}."
        ) from error


def _say_waiting(coordinator: str | None, process: int | None) -> None:
    me = "This process" if process is None else f"Process {process}"
    where = "" if coordinator is None else f", at {coordinator}"
    print(f"{me} waits for the others{where}. Were all started?", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _watched(coordinator: str | None, hint: str) -> Iterator[None]:
    code = 0

    def end_at_once():
        # JAX would wait for the others at exit, up to 5 minutes.
        if code:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    atexit.register(end_at_once)
    watcher = _started(coordinator, hint)
    try:
        yield
    except BaseException as error:
        code = _exit_code(error)
        if code:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            watcher.say(f"failed {reason[:300].rstrip('.')}")
            watcher.answer()  # if another one ended first, the watcher ends this one now
        else:
            watcher.say("bye")
        raise
    else:
        watcher.say("bye")


class Watcher:
    """The process beside this one, and the pipes to it; `_watcher` says what goes through them."""

    def __init__(self):
        file = Path(__file__).with_name("_watcher.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def say(self, text: str) -> None:
        """Send a line."""
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.write(text.encode() + b"\n")
            pipe.flush()

    def answer(self) -> str:
        """Wait for a line; nothing if the watcher has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()


def _started(coordinator: str | None, hint: str) -> Watcher:
    """A watcher that is connected to the one of the first process."""
    watcher = Watcher()
    about = {"me": jax.process_index(), "pid": os.getpid(), "hint": hint}
    if jax.process_index() == 0:
        place = {"hosts": _own_addresses(), "token": secrets.token_hex(8)}
        watcher.say(json.dumps({**about, **place}))
        from_first({**place, "port": int(watcher.answer())})
        return watcher
    place = from_first(None)
    if coordinator is not None:
        place["hosts"].insert(0, coordinator.rpartition(":")[0].strip("[]"))
    watcher.say(json.dumps({**about, **place}))
    watcher.answer()
    return watcher


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _own_addresses() -> list[str]:
    """Addresses at which other hosts may reach this one, the best first."""
    found = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells which interface leads outward
        found.append(probe.getsockname()[0])
    return [*found, socket.gethostname(), "127.0.0.1"]
