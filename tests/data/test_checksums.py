"""The list of checksums notices every change to a folder."""

import shutil
import subprocess

import pytest

from cnn_jax.data import DamagedFileError
from cnn_jax.data._checksums import LIST, verify_checksums, write_checksums

from .conftest import flip_bit


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shard-0").write_bytes(bytes(range(256)))
    (tmp_path / "shard-1").write_bytes(bytes(1000))
    write_checksums(tmp_path)
    return tmp_path


def test_unchanged(folder):
    verify_checksums(folder)
    (folder / ".DS_Store").touch()
    verify_checksums(folder)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum command here")
def test_the_sha256sum_command_reads_the_list(folder):
    subprocess.run(["sha256sum", "--check", "--strict", LIST], cwd=folder, check=True)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-1])


def drop_last_line(file):
    file.write_text(file.read_text().splitlines()[0] + "\n")


CHANGES = {
    "flipped bit": ("shard-0", flip_bit, "shard-0 has changed"),
    "truncated": ("shard-1", truncate, "shard-1 has changed"),
    "deleted": ("shard-1", lambda file: file.unlink(), "shard-1 is missing"),
    "new file": ("shard-2", lambda file: file.touch(), "shard-2 is not listed"),
    "no list": (LIST, lambda file: file.unlink(), "SHA256SUMS is missing"),
    "empty list": (LIST, lambda file: file.write_text(""), "shard-0 is not listed"),
    "short list": (LIST, drop_last_line, "shard-1 is not listed"),
    "binary list": (LIST, lambda file: file.write_bytes(b"\xff\xfe"), "SHA256SUMS is missing or"),
}


@pytest.mark.parametrize(("name", "change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_named(folder, name, change, message):
    change(folder / name)
    with pytest.raises(DamagedFileError, match=message) as error:
        verify_checksums(folder)
    assert f"Delete {folder}" in str(error.value)
