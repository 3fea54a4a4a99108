"""A file or a folder is there when it is whole; after an error the old one is as it was."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cnn_jax import files

OLD, NEW = "old\n", "new\nlines\r\n"


@pytest.fixture
def file(tmp_path):
    (tmp_path / "data.json").write_text(OLD)
    return tmp_path / "data.json"


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("content", [NEW, NEW.encode(), "", "ß ∑".encode()])
def test_replaces_a_file(file, content):
    files.replace(str(file), content)
    assert file.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(file.parent) == {file.name}


def test_makes_a_new_file(tmp_path):
    files.replace(tmp_path / "new.txt", "ß ∑")
    assert (tmp_path / "new.txt").read_text(encoding="utf-8") == "ß ∑"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, SystemExit])
def test_an_error_while_writing_leaves_the_old_file(file, error):
    with pytest.raises(error), files.replacing(file) as new:  # noqa: PT012
        new.write_text(NEW)
        assert file.read_text() == OLD
        raise error
    assert file.read_text() == OLD
    assert names(file.parent) == {file.name}


def test_text_that_is_no_unicode_leaves_the_old_file(file):
    with pytest.raises(UnicodeEncodeError):
        files.replace(file, "\ud800")
    assert file.read_text() == OLD


def test_the_temporary_path_keeps_the_suffix_and_is_new_each_time(file):
    with files.replacing(file) as first, files.replacing(file) as second:
        assert first != second
        assert {first.suffix, second.suffix} == {".json"}
        assert first.parent == second.parent == file.parent
        first.write_text("first")
        second.write_text("second")
    assert file.read_text() == "first"  # which ended last
    assert names(file.parent) == {file.name}


def test_what_was_not_written_is_an_error(file):
    with pytest.raises(FileNotFoundError) as error, files.replacing(file):
        pass
    assert error.value.filename == str(file)
    assert file.read_text() == OLD


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["write_bytes", "fsync", "replace"])
def test_a_full_disk_names_the_file(file, monkeypatch, step):
    monkeypatch.setattr(Path if step == "write_bytes" else os, step, full)
    with pytest.raises(OSError, match="No space left on device") as error:
        files.replace(file, NEW)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(file))
    assert str(file) in str(error.value)
    assert file.read_text() == OLD
    assert names(file.parent) == {file.name}


def test_a_file_that_really_cannot_grow(file):
    """No fake: the system refuses the write half way, as on a disk that is full."""
    code = (
        "import resource, signal; from cnn_jax import files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        f"files.replace({str(file)!r}, b'x' * 100_000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.stderr.strip().splitlines()[-1] == f"OSError: [Errno 27] File too large: '{file}'"
    assert file.read_text() == OLD
    assert names(file.parent) == {file.name}


def test_another_file_is_not_blamed_on_this_one(file, tmp_path):
    with pytest.raises(FileNotFoundError) as error, files.replacing(file):
        (tmp_path / "source").read_bytes()
    assert error.value.filename == str(tmp_path / "source")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        files.replace(tmp_path / "none" / "file", NEW)
    assert error.value.filename == str(tmp_path / "none" / "file")


def test_a_killed_writer_leaves_the_old_file(file):
    code = (
        "import os, signal; from cnn_jax import files\n"
        f"with files.replacing({str(file)!r}) as new:\n"
        "    new.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode < 0
    assert file.read_text() == OLD
    (left,) = names(file.parent) - {file.name}
    assert ".partial" in left


def test_replaces_a_folder(tmp_path):
    folder = tmp_path / "run"
    for content in ("one", "two"):
        with files.replacing_folder(folder) as new:
            assert new.name.endswith(".partial")
            assert not list(new.iterdir())
            (new / content).write_text(content)
        assert names(folder) == {content}
        assert names(tmp_path) == {"run"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("x"), OSError(28, "full")])
@pytest.mark.parametrize("there", [False, True])
def test_an_error_while_filling_leaves_the_old_folder(tmp_path, there, error):
    folder = tmp_path / "run"
    if there:
        folder.mkdir()
        (folder / "old").touch()
    with suppress(BaseException), files.replacing_folder(folder) as new:
        (new / "half").touch()
        raise error
    assert names(tmp_path) == ({"run"} if there else set())
    assert not there or names(folder) == {"old"}


def test_an_error_in_a_folder_names_its_final_place(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(FileNotFoundError) as error, files.replacing_folder(folder) as new:
        (new / "deep" / "file").write_text("")
    assert error.value.filename == str(folder / "deep" / "file")
    with pytest.raises(OSError, match="full") as error, files.replacing_folder(folder):
        raise OSError(28, "full")
    assert error.value.filename == str(folder)
    assert not list(tmp_path.iterdir())


def test_a_file_is_in_the_way_of_a_folder(file):
    with pytest.raises(NotADirectoryError) as error, files.replacing_folder(file):
        pass
    assert error.value.filename == str(file)
    assert file.read_text() == OLD
    assert names(file.parent) == {file.name}
