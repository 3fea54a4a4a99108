"""The IDX reader gives back what was written, and refuses everything else by name."""

import gzip
import struct

import numpy as np
import pytest

from cnn_jax.data import DamagedFileError
from cnn_jax.data.formats import idx

REMEDY = "Copy it again."
IMAGES = np.random.default_rng(1).integers(0, 256, (5, 4, 3), np.uint8)
LABELS = np.array([0, 9, 3, 3, 1], np.uint8)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "set-images.gz"


def header(*shape, kind=8, rank=None):
    rank = len(shape) if rank is None else rank
    return struct.pack(f">4B{len(shape)}I", 0, 0, kind, rank, *shape)


@pytest.mark.parametrize("array", [IMAGES, LABELS, IMAGES[:0]], ids=["images", "labels", "none"])
def test_reads_what_was_written(file, array):
    sha256 = idx.write(file, array)
    read = idx.read(file, rank=array.ndim, sha256=sha256, remedy=REMEDY)
    assert read.dtype == np.uint8
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


def test_the_same_array_gives_the_same_bytes(file):
    idx.write(file, IMAGES)
    first = file.read_bytes()
    idx.write(file, IMAGES)
    assert file.read_bytes() == first
    assert first[3:8] == bytes(5)  # the gzip header holds no flags, so no name, and no time


def test_write_refuses_other_types(file):
    with pytest.raises(TypeError, match="`array` must be uint8; got int64"):
        idx.write(file, LABELS.astype(np.int64))


BODY = IMAGES.tobytes()
BAD_CONTENT = {
    "empty": (b"", "is not an IDX file"),
    "half a header": (header(5, 4, 3)[:9], "is not an IDX file"),
    "wrong magic": (b"\1" + header(5, 4, 3)[1:] + BODY, "is not an IDX file"),
    "wrong type": (header(5, 4, 3, kind=13) + BODY, "is not an IDX file"),
    "wrong rank": (header(60), "is not an IDX file of uint8 with 3 axes"),
    "too short": (header(5, 4, 3) + BODY[:-1], "is truncated: 59 bytes"),
    "too long": (header(5, 4, 3) + BODY + b"\0", "has bytes beyond"),
    "huge sizes": (header(2**24, 1, 1) + BODY, "is truncated: 60 bytes"),
    "more than any": (header(2**14, 2**14, 2**14) + BODY, "claims to hold"),
    "beyond all": (header(2**32 - 1, 2**32 - 1, 2**32 - 1) + BODY, "claims to hold"),
    "another shape": (header(5, 3, 4) + BODY, "wrong SHA-256"),
    "another pixel": (header(5, 4, 3) + b"\0" + BODY[1:], "wrong SHA-256"),
}


@pytest.mark.parametrize(("content", "message"), BAD_CONTENT.values(), ids=BAD_CONTENT)
def test_bad_content_is_named(file, content, message):
    sha256 = idx.write(file, IMAGES)
    file.write_bytes(gzip.compress(content))
    with pytest.raises(DamagedFileError, match=message) as error:
        idx.read(file, rank=3, sha256=sha256, remedy=REMEDY)
    assert str(file) in str(error.value)
    assert str(error.value).endswith(REMEDY)
    assert "\n" not in str(error.value)


def cut(zipped):
    return zipped[: len(zipped) // 2]


def flip(position):
    return lambda zipped: zipped[:position] + bytes([zipped[position] ^ 1]) + zipped[position:][1:]


BAD_GZIP = {
    "cut": (cut, "is truncated"),
    "checksum cut off": (lambda zipped: zipped[:-6], "is truncated"),
    "not gzip": (lambda zipped: b"<html>404</html>", "not gzipped"),
    "bit in the data": (flip(50), "is damaged"),
    "bit in the CRC": (flip(-8), "is damaged"),
    "bit in the length": (flip(-4), "is damaged"),
    "garbage behind": (lambda zipped: zipped + b"garbage", "is damaged"),
}


@pytest.mark.parametrize(("damage", "message"), BAD_GZIP.values(), ids=BAD_GZIP)
def test_bad_gzip_is_named(file, damage, message):
    sha256 = idx.write(file, IMAGES)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DamagedFileError, match=message) as error:
        idx.read(file, rank=3, sha256=sha256, remedy=REMEDY)
    assert str(file) in str(error.value)


def read_pair(folder, images, labels):
    files = {"images.gz": folder / "images.gz", "labels.gz": folder / "labels.gz"}
    sums = [idx.write(files["images.gz"], images), idx.write(files["labels.gz"], labels)]
    pair = idx.Pair("images.gz", "labels.gz", *sums)
    return idx.read_pair(files, pair, classes=10, remedy=REMEDY)


def test_a_pair_has_a_channel_axis_and_int32_labels(tmp_path):
    images, labels = read_pair(tmp_path, IMAGES, LABELS)
    assert images.shape == (5, 4, 3, 1)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(images[..., 0], IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def test_counts_must_agree(tmp_path):
    with pytest.raises(DamagedFileError, match=r"holds 5 images but .*labels.gz 4 labels"):
        read_pair(tmp_path, IMAGES, LABELS[:4])


def test_labels_must_be_classes(tmp_path):
    with pytest.raises(DamagedFileError, match=r"labels.gz holds label 10; the largest is 9"):
        read_pair(tmp_path, IMAGES, LABELS + np.uint8(1))


def test_a_missing_file_is_named(file):
    with pytest.raises(FileNotFoundError, match=file.name):
        idx.read(file, rank=1, sha256="", remedy=REMEDY)
