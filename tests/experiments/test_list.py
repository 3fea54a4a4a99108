"""`python -m experiments`: every experiment is listed, and a wrong name is told the right one."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments import __main__ as command

ROOT = Path(__file__).parents[2]
FILES = {
    path.stem
    for path in (ROOT / "experiments").iterdir()
    if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__main__.py").exists())
}

NEEDED = {"evaluate": ["run"], "predict": ["run", "image.png"]}


def test_every_experiment_is_listed_with_its_first_line(capsys):
    command.main([])
    listed = capsys.readouterr().out
    assert {"lenet", "compare_ops"} <= FILES
    lines = [line.split(maxsplit=1) for line in listed.splitlines() if line.startswith("    ")]
    assert {name for name, _ in lines} == FILES
    for name, summary in lines:
        file = ROOT / "experiments" / name
        source = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
        assert source.read_text().startswith(f'"""{summary}\n')
    command.main(["--help"])
    assert capsys.readouterr().out == listed


def test_a_new_experiment_is_listed_and_not_imported(tmp_path):
    (tmp_path / "new.py").write_text('"""What it shows.\n\nMore."""\nraise SystemExit')
    (tmp_path / "silent.py").write_text("raise SystemExit")
    (tmp_path / "_private.py").write_text('"""No."""')
    assert command.summaries(tmp_path) == {"new": "What it shows.", "silent": ""}


def test_a_wrong_name_is_told_the_right_one():
    with pytest.raises(SystemExit) as ended:
        command.main(["lennet"])
    text = str(ended.value.code)
    assert text.startswith("error: `NAME` must be one of ")
    assert text.endswith("; got 'lennet'. Did you mean 'lenet'?")


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_name_runs_the_experiment(name):
    run = subprocess.run(
        [sys.executable, "-m", "experiments", name, *NEEDED.get(name, []), "--smok"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert "--smok" in run.stderr
