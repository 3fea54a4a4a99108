"""The list of checksums notices every change to a folder."""

import hashlib
import io
import shutil
import subprocess

import pytest

from cnn_jax import files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shard-0").write_bytes(bytes(range(256)))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "shard-1").write_bytes(bytes(1000))
    files.write_checksums(tmp_path)
    return tmp_path


def test_the_checksum_of_a_stream():
    data = bytes(range(256)) * 5000
    assert files.sha256(io.BytesIO(data)) == hashlib.sha256(data).hexdigest()
    stream = io.BytesIO(b"head" + data)
    stream.seek(4)
    assert files.sha256(stream) == hashlib.sha256(data).hexdigest()


def test_unchanged(folder):
    assert files.damage(folder) == []
    (folder / ".DS_Store").touch()
    assert files.damage(folder) == []


def test_the_list_leaves_itself_out(folder):
    before = (folder / files.LIST).read_text()
    files.write_checksums(folder)
    assert (folder / files.LIST).read_text() == before
    assert [line[66:] for line in before.splitlines()] == ["deep/shard-1", "shard-0"]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum command here")
def test_the_sha256sum_command_reads_the_list(folder):
    subprocess.run(["sha256sum", "--check", "--strict", files.LIST], cwd=folder, check=True)


def flip_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-1])


def drop_last_line(file):
    file.write_text(file.read_text().splitlines()[0] + "\n")


CHANGES = {
    "flipped bit": ("shard-0", flip_bit, "shard-0 has changed since it was written"),
    "truncated": ("deep/shard-1", truncate, "deep/shard-1 has changed since it was written"),
    "deleted": ("deep/shard-1", lambda file: file.unlink(), "deep/shard-1 is missing"),
    "new file": ("shard-2", lambda file: file.touch(), "shard-2 is not listed in SHA256SUMS"),
    "no list": (
        files.LIST,
        lambda file: file.unlink(),
        "SHA256SUMS is missing or damaged",
    ),
    "short list": (files.LIST, drop_last_line, "shard-0 is not listed in SHA256SUMS"),
    "binary list": (
        files.LIST,
        lambda file: file.write_bytes(b"\xff\xfe"),
        "SHA256SUMS is missing or damaged",
    ),
}


@pytest.mark.parametrize(("name", "change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_named(folder, name, change, said):
    change(folder / name)
    assert files.damage(folder) == [said]


def test_an_empty_list_names_every_file(folder):
    (folder / files.LIST).write_text("")
    listed = "is not listed in SHA256SUMS"
    assert files.damage(folder) == [f"deep/shard-1 {listed}", f"shard-0 {listed}"]


def test_what_is_no_such_folder_at_all(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "file").write_text("")
    assert files.damage(other / "file") == ["file is no folder"]
    assert files.damage(other / "nowhere") == ["nowhere is no folder"]
    (other / "link").symlink_to(folder)
    assert files.damage(other / "link") == ["link is no folder"]
    (other / "link").unlink()
    (other / "file").unlink()
    (other / files.LIST).write_text("")
    assert files.damage(other) == ["SHA256SUMS is empty"]
    (other / files.LIST).unlink()
    (other / files.LIST).mkdir()
    assert files.damage(other) == ["SHA256SUMS is missing or damaged"]


def test_a_link_is_never_followed(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "shard-1"
    shutil.move(folder / "deep" / "shard-1", outside)
    (folder / "deep" / "shard-1").symlink_to(outside)
    assert files.damage(folder) == ["deep/shard-1 is a link"]
