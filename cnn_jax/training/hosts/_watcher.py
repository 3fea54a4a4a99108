"""A process beside each process of a run: when one of the run's processes ends, it ends its own.

The watchers hold connections to that of the first process. The system closes these when a process
is gone, which is seen at once; a host that is cut off is seen by its silence. It is a process and
no thread, since JAX aborts a process that has lost the first one, in the middle of any message.
It uses nothing private of JAX, no folder, and only the standard library, so that it starts quickly.

The process says, line by line: a JSON object about itself, then `bye` when it leaves in good order
or `failed WHY`; a pipe that closes before says that it died. The watcher answers the first line
with the port where it listens (0: none), and `failed` with a line when the others know.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time

BEAT = 5.0  # seconds between two signs of life
SILENCE = 30.0  # seconds without one
GRACE = 2.0  # seconds in which another one's death may turn out to be the cause of a failure


class Lines:
    """The lines that come through a pipe or a socket."""

    def __init__(self, receive):
        self._receive, self._rest = receive, b""

    def come(self):
        """The next ones, or None at the end."""
        try:
            data = self._receive(4096)
        except OSError:
            return None
        if not data or len(self._rest) > 2**16:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


class Link:
    """A connection to another watcher."""

    def __init__(self, connection, process=None, host=""):
        self.connection, self.lines = connection, Lines(connection.recv)
        self.process, self.host = process, host  # None before it has said who it is
        self.heard, self.left = time.monotonic(), False

    def send(self, **message):
        """Send a message; nothing is a sign of life. A broken link is found by reading."""
        with contextlib.suppress(OSError):
            self.connection.sendall((json.dumps(message) if message else "").encode() + b"\n")


class Watcher:
    """Watches one process and the links to others."""

    def __init__(self, about):
        self.about, self.me, self.host = about, about["me"], socket.gethostname()
        self.links, self.left = set(), False
        self.failure = ""  # `died` or `failed WHY`, of the process itself
        self.until = None  # the end of the grace
        self.selector = selectors.DefaultSelector()

    def listen(self):
        """Open a port for the others, and return it."""
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        listener = socket.create_server(("", 0), family=family, dualstack_ipv6=both, backlog=1024)
        self.selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))
        return listener.getsockname()[1]

    def call(self):
        """Connect to the watcher of the first process."""
        for host in self.about["hosts"]:
            with contextlib.suppress(OSError):
                connection = socket.create_connection((host, self.about["port"]), timeout=5)
                connection.settimeout(SILENCE)
                link = Link(connection, 0, host)
                self._add(link)
                link.send(token=self.about["token"], process=self.me, host=self.host)
                return
        say(
            f"warning: Process {self.me} cannot reach port {self.about['port']} of the first one; "
            "if another process dies, only JAX will notice."
        )

    def run(self):
        """Watch until the process has ended."""
        beaten = time.monotonic()
        while True:
            for key, _ in self.selector.select(timeout=0.5):
                key.data()
            now = time.monotonic()
            if now - beaten > BEAT:
                beaten = now
                for link in self.links:
                    link.send()
            for link in list(self.links):
                if link.process is not None and not link.left and now - link.heard > SILENCE:
                    self._ended(link.process, link.host, f"was silent for {SILENCE:.0f} s")
            if self.until is not None and now > self.until:
                self._grace_is_over()

    def read(self, lines):
        """Listen to the process."""
        self.selector.register(0, selectors.EVENT_READ, lambda: self._hear(lines))

    def _hear(self, lines):
        said = lines.come()
        for line in said or ():
            if line == "bye":
                self.left = True
                self._tell(left=True)
            elif line.startswith("failed "):
                self.failure, self.until = line, time.monotonic() + GRACE
        if said is None:
            self.selector.unregister(0)
            if self.left:
                sys.exit()
            if not self.failure:
                self.failure, self.until = "died", time.monotonic() + GRACE
                self._tell(ended=self.me, host=self.host, how="died")

    def _grace_is_over(self):
        self.until = None
        if self.failure == "died":
            sys.exit()
        how = f"failed ({self.failure.removeprefix('failed ')})"
        self._tell(ended=self.me, host=self.host, how=how)
        self.left = True
        print("told", flush=True)

    def _accept(self, listener):
        connection, _ = listener.accept()
        connection.settimeout(SILENCE)
        self._add(Link(connection))

    def _add(self, link):
        self.links.add(link)
        self.selector.register(link.connection, selectors.EVENT_READ, lambda: self._receive(link))

    def _drop(self, link):
        self.links.discard(link)
        self.selector.unregister(link.connection)
        link.connection.close()

    def _receive(self, link):
        lines = link.lines.come()
        if lines is None:
            self._drop(link)
            if link.process is not None and not link.left:
                self._ended(link.process, link.host, "died")
            return
        link.heard = time.monotonic()
        for line in filter(None, lines):
            message = read(line)
            if link.process is None:
                if message.get("token") != self.about["token"]:
                    return self._drop(link)  # a stranger
                link.process, link.host = message["process"], message["host"]
            elif message.get("left"):
                link.left = True
            elif "ended" in message:
                self._ended(message["ended"], message["host"], message["how"])

    def _tell(self, **message):
        for link in self.links:
            link.send(**message)

    def _ended(self, process, host, how):
        """End, since another process has; the first one tells the others."""
        if self.me == 0:
            self._tell(ended=process, host=host, how=how)
        if self.failure and (how.startswith("failed") or self.until is None):
            return  # this process has an error of its own to show
        other = f"Process {process} (host {host}) {how}"
        if self.failure == "died":  # JAX was quicker
            say(f"error: {other}, and process {self.me} has ended. {self.about['hint']}")
            sys.exit()
        say(f"error: {other}, so process {self.me} ends too. {self.about['hint']}")
        with contextlib.suppress(OSError):
            os.kill(self.about["pid"], signal.SIGKILL)
        sys.exit()


def read(line):
    """A message; what is none is empty."""
    with contextlib.suppress(ValueError):
        message = json.loads(line)
        return message if isinstance(message, dict) else {}
    return {}


def say(text):
    """Write a line to the process's stderr, in one piece."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())


def main():
    """Watch the process that started this one."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all of a terminal or a job
        signal.signal(number, signal.SIG_IGN)
    lines, said = Lines(lambda size: os.read(0, size)), []
    while not said:
        said = lines.come()
        if said is None:
            return
    watcher = Watcher(json.loads(said[0]))
    port = 0
    if watcher.me == 0:
        port = watcher.listen()
    else:
        watcher.call()
    print(port, flush=True)
    watcher.read(lines)
    watcher.run()


if __name__ == "__main__":
    main()
