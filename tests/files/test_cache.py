"""A JSON file of entries: shared by processes, never overwritten when it cannot be read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_jax import files

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path):
    return files.JsonCache(tmp_path / "new" / "times.json", format=2, environment={"jax": "1"})


def content(**changes):
    return json.dumps({"format": 2, "environment": {"jax": "1"}, "entries": {}, **changes}).encode()


def test_no_file_holds_no_entries(cache):
    assert cache.read() == {}
    assert not cache.path.parent.exists()


def test_entries_are_added_and_replaced(cache):
    assert cache.merge({"a": 1, "b": [2.5, None]}) == {"a": 1, "b": [2.5, None]}
    assert cache.merge({"a": 3}) == {"a": 3, "b": [2.5, None]} == cache.read()
    assert {path.name for path in cache.path.parent.iterdir()} == {"times.json", "times.json.lock"}


UNUSABLE = {
    "cut off": (content()[:-5], "it is no JSON"),
    "empty": (b"", "it is no JSON"),
    "no text": (b"\xff\xfe\x00", "it is no JSON"),
    "deep": (b"[" * 100_000, "it is no JSON"),
    "a list": (b"[1]", "it does not say that it has format 2"),
    "older": (content(format=1), "it does not say that it has format 2"),
    "elsewhere": (
        content(environment={"jax": "2", "cores": 8}),
        "it was made elsewhere, with another jax, cores",
    ),
    "nowhere": (content(environment=3), "it was made elsewhere, with another jax"),
    "no entries": (content(entries=[]), "it has no entries"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_file_says_why_and_is_put_aside(cache, name):
    bad, reason = UNUSABLE[name]
    cache.path.parent.mkdir()
    for number in range(2):  # the second is not written over the first
        cache.path.write_bytes(bad)
        with pytest.raises(files.Unusable) as why:
            cache.read()
        assert str(why.value).startswith(reason)
        assert cache.merge({"a": number}) == {"a": number} == cache.read()
    aside = list(cache.path.parent.glob("*.bad"))
    assert cache.path.with_name("times.json.bad") in aside
    assert [path.read_bytes() for path in aside] == [bad, bad]


def test_a_file_that_cannot_be_read(cache, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    cache.merge({"a": 1})
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(files.Unusable, match=r"it cannot be read .*Permission denied"):
        cache.read()


def test_a_folder_that_cannot_be_written(cache, monkeypatch):
    cache.merge({"a": 1})

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(OSError, match=r"Read-only.*times\.json"):
            cache.merge({"b": 2})
    assert cache.read() == {"a": 1}
    assert not list(cache.path.parent.glob("*partial*"))


def test_what_json_cannot_hold_leaves_the_file(cache):
    cache.merge({"a": 1})
    with pytest.raises(TypeError):
        cache.merge({"b": {1, 2}})
    assert cache.read() == {"a": 1}


PROCESS = """
import sys; from pathlib import Path; from cnn_jax import files
cache = files.JsonCache(Path(sys.argv[1]), format=1, environment={})
print("ready", flush=True); input()
for n in range(40): cache.merge({f"{sys.argv[2]} {n}": n})
"""


def test_two_processes_at_once_lose_nothing(tmp_path):
    path = tmp_path / "shared.json"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path), name],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            **pipes,
        )
        for name in "ab"
    ]
    with both[0], both[1]:
        assert [each.stdout.readline() for each in both] == ["ready\n"] * 2
        for each in both:
            each.stdin.write("go\n")
            each.stdin.flush()
        while None in (both[0].poll(), both[1].poll()):
            if path.exists():
                json.loads(path.read_text())  # at every moment the old file or the new one
    assert [each.returncode for each in both] == [0, 0]
    entries = files.JsonCache(path, format=1, environment={}).read()
    assert entries == {f"{name} {n}": n for name in "ab" for n in range(40)}


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    default = tmp_path / ".cache" / "cnn_jax"
    for said, folder in {"": default, "~/mine": tmp_path / "mine", "/else": Path("/else")}.items():
        monkeypatch.setenv("CNN_JAX_CACHE", said)
        assert files.cache_folder() == folder
    monkeypatch.delenv("CNN_JAX_CACHE")
    assert files.cache_folder() == default


@pytest.mark.parametrize("layer", ["files", "pages"])
def test_the_ground_floor_needs_no_jax(layer):
    code = f"import sys; import cnn_jax.{layer}; assert 'jax' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
