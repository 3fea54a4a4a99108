"""A headless Chromium for tests of pages, driven over two pipes by its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol: JSON messages, each ended by a zero byte, that
Chromium reads from file 3 and writes to file 4 when it is started with --remote-debugging-pipe.
"""

import base64
import contextlib
import io
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

import numpy as np
import pytest
from PIL import Image

PROGRAM = shutil.which("chromium")
needed = pytest.mark.skipif(PROGRAM is None, reason="no command `chromium` here")
OPTIONS = (
    *("--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"),
    *("--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"),
)
SECONDS = 60  # that an answer may take, on a machine with other jobs
KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowRight": 39}


class Browser:
    """A page in a browser.

    `errors` are messages of the console above a warning and exceptions that no script caught;
    `requests` the addresses that were asked for, of data that the page itself holds none.
    """

    def __init__(self, to_browser, from_browser):
        self._to, self._from, self._unread = to_browser, from_browser, b""
        self._asked, self._page = 0, None
        self.errors, self.requests, self._events = [], [], set()
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._page = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.ask(f"{domain}.enable")

    def open(self, file, width=1000, height=800):
        """Load a page from a file, in a window of that many pixels."""
        self.resize(width, height)
        self.errors.clear()
        self.requests.clear()
        self._events.clear()
        self.ask("Page.navigate", url=file.resolve().as_uri())
        end = time.monotonic() + SECONDS
        while "Page.loadEventFired" not in self._events:
            self._hear(end)

    def resize(self, width, height=800):
        """Set the window's size; below 500 pixels it is a phone's."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def run(self, script, *values):
        """Call a JavaScript function with values, wait for it, and return what it returns."""
        given = ", ".join(map(json.dumps, values))
        answer = self.ask(
            "Runtime.evaluate",
            **{"expression": f"({script})({given})", "awaitPromise": True, "returnByValue": True},
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(_said(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def press(self, key):
        """Press a key and let it go."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {" ": " ", "Enter": "\r"}.get(key)
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.ask("Input.dispatchKeyEvent", **down, **about)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def controls(self):
        """What a screen reader says of each control: its role and its name."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        known = {"slider", "checkbox", "button", "link", "searchbox", "textbox", "spinbutton"}
        found = [(node["role"]["value"], node["name"]["value"]) for node in nodes if "name" in node]
        return [(role, name) for role, name in found if role in known]

    def picture(self, whole=True):
        """What is seen, all of the page or the window alone: (height, width, 3) of uint8."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as image:
            return np.asarray(image.convert("RGB"))

    def ask(self, method, **parameters):
        """Send a command and return its answer."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if self._page is not None:
            message["sessionId"] = self._page
        self._to.write(json.dumps(message).encode() + b"\0")
        end = time.monotonic() + SECONDS
        while True:
            heard = self._hear(end)
            if heard.get("id") == self._asked:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']['message']}")
                return heard["result"]

    def _hear(self, end):
        """The next message, of which events are kept."""
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], max(0, end - time.monotonic()))
            more = os.read(self._from, 1 << 20) if ready else b""
            if not more:
                raise TimeoutError(f"Chromium said nothing for {SECONDS} s, or ended.")
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        heard = json.loads(message)
        name, about = heard.get("method"), heard.get("params", {})
        self._events.add(name)
        if name == "Runtime.exceptionThrown":
            self.errors.append(_said(about["exceptionDetails"]))
        elif name == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(str([value.get("value") for value in about["args"]]))
        elif name == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"])
        elif name == "Network.requestWillBeSent":
            address = about["request"]["url"]
            if not address.startswith("data:"):
                self.requests.append(address)
        return heard


def _said(details):
    return details.get("exception", {}).get("description") or details["text"]


@contextlib.contextmanager
def started():
    """A `Browser` with an empty profile of its own."""
    # Chromium's files 3 and 4 are the far ends of two pipes; a shell renames them, because what
    # Python could run between fork and exec is not safe beside JAX's threads.
    (read, to_browser), (from_browser, write) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [PROGRAM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{read} 4>&{write}', *command],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        try:
            with os.fdopen(to_browser, "wb", buffering=0) as pipe:
                yield Browser(pipe, from_browser)
        finally:
            os.close(from_browser)  # Chromium ends when its pipes do
            try:
                process.wait(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
