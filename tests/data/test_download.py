"""Downloads through TFDS's download manager, from servers on this machine."""

import http.server
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import partial

import pytest

from cnn_jax.data import DamagedFileError, DownloadError
from cnn_jax.data.preparing import _download

from .conftest import assert_equal, flip_bit, originals_in


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextmanager
def serve(handler):
    """Serve on a free port of the loopback; yield the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server(tiny):
    with serve(partial(QuietHandler, directory=tiny.folder)) as url:
        yield url


def test_download(tiny, root, server, capfd):
    arrays = tiny.read(
        "train", root=root, url=server, originals=originals_in(tiny.folder, "fashion_mnist")
    )
    assert_equal(arrays, tiny.arrays["train"])
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in root.iterdir()] == ["fashion_mnist"]  # no downloads stay


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_a_wrong_download_is_refused_and_named(tiny, root, server, name):
    facts = {"url": server, "originals": originals_in(tiny.folder, "fashion_mnist")}
    flip_bit(tiny.folder / name)
    message = re.escape(f"{server}{name} was downloaded with a wrong size or checksum")
    with pytest.raises(DamagedFileError, match=message) as error:
        tiny.read("train", root=root, **facts)
    assert "\n" not in str(error.value)
    assert not list(root.iterdir())


def assert_says_what_to_do(error, url):
    message = str(error.value)
    assert message.startswith(f"Cannot download Fashion-MNIST from {url} (")
    assert "\n" not in message
    for way in ("dataset-fashion-mnist", "`folder`", "'fashion_mnist_small'"):
        assert way in message


def test_a_refused_connection(tiny, root):
    url = "http://127.0.0.1:1/"
    start = time.monotonic()
    with pytest.raises(DownloadError, match="refused") as error:
        tiny.read("train", root=root, url=url)
    assert_says_what_to_do(error, url)
    assert time.monotonic() - start < 5
    assert not list(root.iterdir())


def test_a_name_lookup_that_takes_for_ever(tiny, root, monkeypatch):
    test_is_over = threading.Event()

    def getaddrinfo(*arguments, **options):
        test_is_over.wait()
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(_download, "PATIENCE", 0.2)
    url = "http://example.invalid/"
    with pytest.raises(DownloadError, match="no answer within") as error:
        tiny.read("train", root=root, url=url)
    assert_says_what_to_do(error, url)
    test_is_over.set()


def test_a_server_that_never_answers(tiny, root, monkeypatch):
    monkeypatch.setattr(_download, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DownloadError, match=r"timed out|no answer") as error:
            tiny.read("train", root=root, url=url)
    assert_says_what_to_do(error, url)


def test_patience_is_within_what_was_promised():
    assert _download.PATIENCE <= 20


def test_a_missing_page(tiny, root, server, monkeypatch):
    answers = []

    class Noted(urllib.error.HTTPError):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            answers.append(self)

    monkeypatch.setattr(urllib.request, "HTTPError", Noted)
    url = server + "elsewhere/"
    with pytest.raises(DownloadError, match="404") as error:
        tiny.read("train", root=root, url=url)
    assert_says_what_to_do(error, url)
    (answer,) = answers
    assert answer.fp.closed  # such an error holds the connection


def test_a_page_that_vanishes_after_the_first_question(tiny, root, server):
    """The first file is there, another is not: TFDS's own error is turned into ours."""
    facts = {"url": server, "originals": originals_in(tiny.folder, "fashion_mnist")}
    (tiny.folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DownloadError, match="404") as error:
        tiny.read("train", root=root, **facts)
    assert_says_what_to_do(error, server)
