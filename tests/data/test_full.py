"""The real Fashion-MNIST, on machines that have Debian's package dataset-fashion-mnist."""

import dataclasses
import hashlib
import http.server
import struct

import numpy as np
import pytest

import cnn_jax.data as data
from cnn_jax.data import _registry
from cnn_jax.data.fashion_mnist import _files, make_small
from cnn_jax.data.sets import fashion_mnist

from .test_download import serve

pytestmark = pytest.mark.skipif(
    not fashion_mnist.DEBIAN.folder.is_dir(), reason="needs Debian's package dataset-fashion-mnist"
)

COUNTS = {"train": 60_000, "test": 10_000}
# When the original files were gzipped, on 31 August 2017, in seconds since 1970.
ZIPPED = {"train": 1504176606, "t10k": 1504176627}


def original(name: str) -> bytes:
    """Rebuild an original file from Debian's: the same data behind a gzip header with a name."""
    debian = (fashion_mnist.DEBIAN.folder / name).read_bytes()
    header = struct.pack("<4BI2B", 31, 139, 8, 8, ZIPPED[name.partition("-")[0]], 0, 3)
    return header + name.removesuffix(".gz").encode() + b"\0" + debian[10:]


def test_registered_checksums_are_those_of_the_originals():
    """Nobody has to be believed: the sizes and SHA-256 in the facts follow from real files."""
    assert len(fashion_mnist.ORIGINALS) == 4
    for name, size, sha256 in fashion_mnist.ORIGINALS:
        content = original(name)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, sha256)


class Originals(http.server.BaseHTTPRequestHandler):
    """A web proxy that has the original server's four files."""

    def do_GET(self):
        if not self.path.startswith(fashion_mnist.SET.url):
            self.send_error(403)
            return
        content = original(self.path.removeprefix(fashion_mnist.SET.url))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


def test_download_prepare_and_load(monkeypatch, tmp_path):
    """The whole road as a user without Debian goes it: real addresses, real checksums."""
    monkeypatch.setenv("CNN_JAX_DATA", str(tmp_path))
    elsewhere = _registry.Prepared(dataclasses.replace(fashion_mnist.SET, debian=None))
    monkeypatch.setitem(_registry.REGISTRY, "fashion_mnist", elsewhere)
    with serve(Originals) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        full = {split: data.load("fashion_mnist", split) for split in COUNTS}
    for split, n in COUNTS.items():
        assert full[split].images.shape == (n, 28, 28, 1)
        np.testing.assert_array_equal(np.bincount(full[split].labels), np.full(10, n // 10))
        content = b"\0\0\x08\3" + struct.pack(">3I", n, 28, 28) + full[split].images.tobytes()
        assert hashlib.sha256(content).hexdigest() == fashion_mnist.PAIRS[split].images_sha256
        small = data.load("fashion_mnist_small", split)
        np.testing.assert_array_equal(small.images, full[split].images[: len(small)])
        np.testing.assert_array_equal(small.labels, full[split].labels[: len(small)])


def test_make_small_makes_what_is_in_the_package(tmp_path):
    made = make_small.make_small(fashion_mnist.DEBIAN.folder, tmp_path)
    assert {split: pair for split, (pair, _) in made.items()} == _files.SMALL
    assert {split: len(labels) for split, (_, labels) in made.items()} == _files.COUNTS
    names = sorted(file.name for file in make_small.SMALL_FOLDER.iterdir())
    assert sorted(file.name for file in tmp_path.iterdir()) == names
