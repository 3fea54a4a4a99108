"""What was measured, on disk: found again, shared by processes, and no bad file ends a program."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cnn_jax
from cnn_jax import functional as F
from cnn_jax.algorithms import Problem
from cnn_jax.algorithms.choice import environment, remembered
from cnn_jax.algorithms.choice.remembered import Entry
from cnn_jax.algorithms.tuning import measure
from cnn_jax.geometry import Window

pytestmark = pytest.mark.usefixtures("cache")

WINDOW = Window((3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1))
PROBLEM = Problem("output", (2, 6, 6, 2), (3, 3, 2, 2), WINDOW, 1, "float32")
OTHER = replace(PROBLEM, groups=2)
SHIFTED = Entry("shifted", "xla", {"xla": 2.0, "shifted": 1.0}, {"fft": "too slow"})


def again():
    """As a new process would."""
    remembered.forget()
    return remembered.entry(PROBLEM)


def test_what_is_remembered_is_found_again(cache):
    assert remembered.lookup(PROBLEM) is None
    assert remembered.remember(PROBLEM, SHIFTED) is None
    assert remembered.entry(PROBLEM) == again() == SHIFTED
    assert remembered.lookup(OTHER) is None
    left = sorted(path.name for path in cache.iterdir())
    assert left == [remembered.file().name, f"{remembered.file().name}.lock"]


def test_every_field_tells_problems_apart():
    other = {"side": "input_grad", "x": (1, 6, 6, 2), "kernel": (3, 3, 2, 4), "groups": 2}
    options = {"size": (3, 1), "stride": (2, 1), "padding": ((0, 1), (0, 0)), "dilation": (1, 2)}
    problems = [
        PROBLEM,
        *(replace(PROBLEM, **{name: value}) for name, value in other.items()),
        replace(PROBLEM, dtype="bfloat16"),
        *(replace(PROBLEM, window=replace(WINDOW, **{n: v})) for n, v in options.items()),
        replace(PROBLEM, window=replace(WINDOW, base_dilation=(2, 1))),
    ]
    assert len({remembered.key(problem) for problem in problems}) == len(problems) == 11


ROOT = {"PYTHONPATH": str(Path(__file__).parents[2])}

PROCESS = """
import sys
from dataclasses import replace
from tests.algorithms.test_tuned import OTHER, PROBLEM, SHIFTED, remembered
assert remembered.entry(PROBLEM) == SHIFTED
print("ready", flush=True)
input()
for n in range(40):
    assert remembered.remember(replace(OTHER, x=(int(sys.argv[1]), n, 1, 1)), SHIFTED) is None
"""


def process(number):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", PROCESS, str(number)]
    return subprocess.Popen(command, env={**os.environ, **ROOT}, **pipes)


def test_two_processes_at_once():
    remembered.remember(PROBLEM, SHIFTED)
    with process(0) as one, process(1) as two:
        assert [each.stdout.readline() for each in (one, two)] == ["ready\n"] * 2
        for each in (one, two):
            each.stdin.write("go\n")
            each.stdin.flush()
        while None in (one.poll(), two.poll()):
            json.loads(remembered.file().read_text())  # at every moment the old file or the new one
    assert (one.returncode, two.returncode) == (0, 0)
    assert again() == SHIFTED
    for number in range(2):
        for n in range(40):
            assert remembered.entry(replace(OTHER, x=(number, n, 1, 1))) == SHIFTED


def test_nothing_is_read_at_import_and_no_device_started(tmp_path):
    # Either would fail, or warn.
    (tmp_path / "file").touch()
    wrong = {"CNN_JAX_CACHE": str(tmp_path / "file"), "JAX_PLATFORMS": "none such"}
    environment = {**os.environ, **ROOT, **wrong}
    command = [sys.executable, "-W", "error", "-c", "from cnn_jax import autotune, functional"]
    subprocess.run(command, env=environment, check=True, timeout=600)


def content(**changes):
    return json.dumps(
        {"format": 1, "environment": environment.environment(), "entries": {}, **changes}
    ).encode()


UNUSABLE = {
    "cut off": (lambda: content()[:-5], "it is no JSON"),
    "empty": (lambda: b"", "it is no JSON"),
    "not text": (lambda: b"\xff\xfe\x00", "it is no JSON"),
    "deep": (lambda: b"[" * 100_000, "it is no JSON"),
    "list": (lambda: b"[1]", "it does not say that it has format 1"),
    "format": (lambda: content(format=2), "it does not say that it has format 1"),
    "foreign": (
        lambda: content(environment={**environment.environment(), "cores": 99, "jax": "0.1"}),
        "it was made elsewhere, with another cores, jax",
    ),
    "no environment": (lambda: content(environment=3), "it was made elsewhere"),
    "no entries": (lambda: content(entries=[]), "it has no entries"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_file_is_ignored_and_put_aside(cache, name):
    write, reason = UNUSABLE[name]
    cache.mkdir()
    remembered.file().write_bytes(write())
    with pytest.warns(UserWarning, match=rf"is ignored: {reason}.*\. Delete it, or run") as warned:
        assert (remembered.lookup(PROBLEM), remembered.lookup(OTHER)) == (None, None)
    (text,) = (str(warning.message) for warning in warned)
    assert text.startswith(f"{remembered.file()} is ignored")
    assert remembered.remember(PROBLEM, SHIFTED) is None
    assert again() == SHIFTED
    assert Path(f"{remembered.file()}.bad").read_bytes() == write()


def test_nothing_that_is_put_aside_is_lost(cache):
    cache.mkdir()
    for text in ("one", "two", "three"):
        remembered.file().write_text(text)
        with pytest.warns(UserWarning, match="is ignored"):
            again()
        remembered.remember(PROBLEM, SHIFTED)
    assert {path.read_text() for path in cache.glob("*.bad")} == {"one", "two", "three"}


GOOD = {"algorithm": "shifted", "default": "xla", "milliseconds": {}, "failures": {}}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({**GOOD, "algorithm": "magic"}, "there is no algorithm 'magic'"),
        ({**GOOD, "algorithm": ["xla"]}, "there is no algorithm"),
        ({**GOOD, "milliseconds": {"xla": "1"}}, "a field has the wrong type"),
        ({**GOOD, "milliseconds": 1}, "a field has the wrong type"),
        ({**GOOD, "milliseconds": {"xla": 0}}, "the time of 'xla' must be positive, and at most"),
        ({**GOOD, "milliseconds": {"xla": -1.0}}, "the time of 'xla' must be positive"),
        ({**GOOD, "milliseconds": {"xla": True}}, "the time of 'xla' must be positive"),
        ({**GOOD, "milliseconds": {"xla": 10**400}}, "the time of 'xla' .* at most 1e\\+12 ms"),
        ({**GOOD, "milliseconds": {"xla": float("inf")}}, "the time of 'xla' must be"),
        ({**GOOD, "milliseconds": {"xla": float("nan")}}, "the time of 'xla' must be"),
        ({**GOOD, "failures": {"xla": 1}}, "a field has the wrong type"),
        ({**GOOD, "default": None}, "a field has the wrong type"),
        ({"algorithm": "xla"}, "it does not have the fields of one"),
        (["xla"], "it does not have the fields of one"),
    ],
)
def test_a_bad_entry_is_ignored_and_the_others_kept(cache, bad, reason):
    cache.mkdir()
    third = replace(PROBLEM, groups=3)
    entries = {remembered.key(OTHER): bad, remembered.key(third): GOOD}
    remembered.file().write_bytes(content(entries=entries))
    with pytest.warns(UserWarning, match=reason) as warned:
        assert remembered.lookup(PROBLEM) is None
    (text,) = (str(warning.message) for warning in warned)
    assert text.startswith(
        f"The entry '{remembered.key(OTHER)}' of {remembered.file()} is ignored: "
    )
    assert (remembered.lookup(OTHER), remembered.lookup(third)) == (None, "shifted")
    remembered.remember(PROBLEM, SHIFTED)
    remembered.remember(OTHER, SHIFTED)
    assert {remembered.lookup(p) for p in (PROBLEM, OTHER, third)} == {"shifted"}


def tune():
    x, kernel = np.ones(PROBLEM.x, np.float32), np.ones(PROBLEM.kernel, np.float32)
    return cnn_jax.autotune(F.conv, x, kernel)


@pytest.fixture
def fast(monkeypatch):
    """`shifted` wins, without timing it."""
    monkeypatch.setattr(measure, "_medians", lambda *_: {"xla": 2.0, "shifted": 1.0})


def refuse(*_, **__):
    raise PermissionError(13, "Permission denied")


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("what", ["replace", "mkdir"])
def test_a_folder_that_cannot_be_written(cache, monkeypatch, what):
    monkeypatch.setattr(*{"replace": (os, "replace"), "mkdir": (Path, "mkdir")}[what], refuse)
    with pytest.warns(UserWarning, match="cannot be written .*: what cnn_jax.autotune measures is"):
        report = tune()
    assert str(cache) in report.trouble
    assert str(report).endswith(f"Remembered in this process only: {report.trouble}.")
    assert remembered.lookup(PROBLEM) == "shifted"
    assert tune().rows[0].from_cache
    assert not list(cache.glob("*.json*.new"))


def test_a_file_and_a_folder_that_cannot_be_read(monkeypatch):
    remembered.remember(PROBLEM, SHIFTED)
    for place, name in ((Path, "read_text"), (os, "listdir")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, refuse)
            with pytest.warns(UserWarning, match="cannot be read"):
                assert again() is None
    assert again() == SHIFTED


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("relative", "`CNN_JAX_CACHE` must be an absolute path; got 'relative'"),
        ("{file}", "`CNN_JAX_CACHE` must be a folder; '{file}' is none"),
        ("{file}/below", "{file}/below cannot be read"),
    ],
)
def test_a_place_that_is_no_folder(tmp_path, monkeypatch, folder, reason):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.write_text("mine")
    monkeypatch.setenv("CNN_JAX_CACHE", folder.format(file=file))
    with pytest.warns(UserWarning, match=rf"{reason.format(file=file)}.*: nothing that"):
        assert remembered.lookup(PROBLEM) is None
    with pytest.warns(UserWarning, match="is remembered in this process only") as warned:
        assert tune().trouble
    assert len(warned) == 1
    assert remembered.lookup(PROBLEM) == "shifted"
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_the_place(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    default = tmp_path / ".cache" / "cnn_jax"
    for said, folder in {"": default, "~/mine": tmp_path / "mine"}.items():
        monkeypatch.setenv("CNN_JAX_CACHE", said)
        assert remembered.file().parent == folder
    monkeypatch.delenv("CNN_JAX_CACHE")
    assert remembered.file().parent == default
