"""The notebooks: as they are written, without outputs, and every cell runs."""

import ast
import json
import subprocess
from pathlib import Path

import pytest

from experiments.lecture import shown
from experiments.lecture.sections import SECTIONS, borders
from experiments.notebooks import _write

from .runs import slow

ROOT = Path(__file__).parents[2]
NAMES = ["lecture.ipynb", "colab_tpu.ipynb"]


def cells_of(name):
    return json.loads((_write.FOLDER / name).read_text())["cells"]


def source_of(name, cell):
    [found] = (each for each in cells_of(name) if each["id"] == cell)
    return "".join(found["source"])


def test_they_are_what_is_written_and_have_no_outputs():
    assert sorted(_write.notebooks()) == sorted(NAMES)
    for name, content in _write.notebooks().items():
        said = f"{name}: run python -m experiments.notebooks._write"
        assert (_write.FOLDER / name).read_text() == content, said
        for cell in cells_of(name):
            if cell["cell_type"] == "code":
                assert (cell["outputs"], cell["execution_count"]) == ([], None)
                ast.parse("".join(cell["source"]))


def test_every_section_has_its_claim_and_a_cell_of_code():
    cells = [(cell["id"], "".join(cell["source"])) for cell in cells_of("lecture.ipynb")[3:]]
    assert [name for name, _ in cells[1::2]] == list(SECTIONS)
    for (_, text), (name, code) in zip(cells[::2], cells[1::2]):
        assert text == f"## {SECTIONS[name].title}\n\n{SECTIONS[name].claim}"
        assert code.endswith(f"HTML(shown({name}))")


def test_a_section_is_shown_below_its_claim():
    html = shown(borders)
    assert html.count("<img ") == 2
    assert "Islam et al., How much position information" in html
    assert SECTIONS["borders"].claim not in html


@pytest.mark.parametrize("name", NAMES)
def test_where_the_package_is_missing_it_is_installed_beside_its_jax(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # puts back what the cell adds
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, commands = source_of(name, "install"), []

    def run(command, check):
        assert check
        commands.append(command)
        if command[0] == "git":
            (tmp_path / command[-1]).mkdir()

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ValueError, match="Fill in `ADDRESS`"):
        exec(code, {})
    assert 'ADDRESS = ""' in code
    exec(code.replace('ADDRESS = ""', 'ADDRESS = "https://example.org/code"'), {})
    clone, install = commands
    assert clone[:2] == ["git", "clone"]
    assert clone[-2] == "https://example.org/code"
    assert Path.cwd() == tmp_path / "code"
    assert [word.partition("==")[0] for word in install[-4:]] == ["jax", "jaxlib", "flax", "numpy"]


def executed(name, chosen, folder, monkeypatch):
    """The notebook after its chosen cells have run in a kernel, in a folder of its own."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv("CNN_JAX_SMOKE", "1")
    monkeypatch.setenv("IPYTHONDIR", str(folder))
    notebook = nbformat.read(_write.FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    notebook.cells = [cell for cell in notebook.cells if chosen(cell)]
    place = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources=place
    ).execute()
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


def shown_as(outputs, kind):
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


@pytest.mark.parametrize("sections", [("tensors", "borders"), pytest.param(SECTIONS, marks=slow)])
def test_the_lecture_runs(sections, tmp_path, monkeypatch):
    wanted = {"install", "show", *sections}
    outputs = executed("lecture.ipynb", lambda cell: cell.id in wanted, tmp_path, monkeypatch)
    assert set(outputs) == wanted
    for name in sections:
        [html] = shown_as(outputs[name], "text/html")
        assert "<dt>Reference</dt>" in html, name
    assert outputs["install"] == []


@pytest.mark.parametrize("left_out", [("compare", "task"), pytest.param((), marks=slow)])
def test_the_experiments_run(left_out, tmp_path, monkeypatch):
    outputs = executed(
        "colab_tpu.ipynb", lambda cell: cell.id not in left_out, tmp_path, monkeypatch
    )
    for name in {"lenet", "compare", "task"} - set(left_out):
        assert len(shown_as(outputs[name], "image/png")) == 1, name
    assert "CpuDevice" in shown_as(outputs["devices"], "text/plain")[0]
