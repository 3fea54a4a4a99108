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


def source(name):
    file = ROOT / "experiments" / name
    return (file / "__init__.py" if file.is_dir() else file.with_suffix(".py")).read_text()


def test_every_experiment_is_listed_with_its_first_line_minutes_and_picture(capsys):
    command.main([])
    listed = capsys.readouterr().out
    assert {"lenet", "compare_ops"} <= FILES
    lines = [line for line in listed.splitlines() if line.startswith("    ")]
    assert [line.split()[0] for line in lines[::2]] == sorted(FILES)
    for first, second in zip(lines[::2], lines[1::2]):
        name, summary = first.split(maxsplit=1)
        assert source(name).startswith(f'"""{summary}\n')
        assert f"\n\n{second.strip()}\n" in source(name), name
    assert "2 CPU cores: 0.4 to 0.8 minutes. Draws filters.png." in listed
    command.main(["--help"])
    assert capsys.readouterr().out == listed


def test_what_an_experiment_draws_is_a_file_that_it_writes():
    sources = "".join(path.read_text() for path in (ROOT / "experiments").rglob("*.py"))
    for name, about in command.experiments().items():
        drawn = about.cost.rpartition("Draws ")[2].rstrip(".").partition(",")[0]
        assert drawn == "nothing" or f'"{drawn}"' in sources, (name, drawn)


def test_a_new_experiment_is_listed_and_not_imported(tmp_path):
    cost = "2 CPU cores: 1 minute. Draws new.png."
    (tmp_path / "new.py").write_text(f'"""What it shows.\n\n{cost}\n"""\nraise SystemExit')
    (tmp_path / "unmeasured.py").write_text('"""More.\n\nDraws more.png."""')
    (tmp_path / "silent.py").write_text("raise SystemExit")
    (tmp_path / "_private.py").write_text('"""No."""')
    (tmp_path / "parts").mkdir()  # of other experiments: nothing to run
    (tmp_path / "parts" / "__init__.py").write_text('"""No."""')
    assert command.experiments(tmp_path) == {
        "new": command.About("What it shows.", cost),
        "unmeasured": command.About("More.", "Draws more.png."),
        "silent": command.About("", ""),
    }


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
