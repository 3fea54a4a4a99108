"""The README's code runs, top to bottom, as one session; its two commands are there."""

import re
from pathlib import Path

import jax

README = Path(__file__).parents[1] / "README.md"


def test_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNN_JAX_CACHE", str(tmp_path))  # what it measures is not remembered
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 8
    names = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in blocks:
            exec(compile(block, README.name, "exec"), names)


def test_the_two_commands_are_there():
    commands = re.findall(r"^ {4}(pip install -e .*)$", README.read_text(), re.MULTILINE)
    assert commands[:2] == [
        "pip install -e . && python -m experiments.lenet",
        "pip install -e '.[test]' && pytest",
    ]


def test_what_it_links_to_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert len([link for link in links if link.endswith(".ipynb")]) == 2
    for link in links:
        assert (
            link.startswith("https://colab.research.google.com/") or (README.parent / link).exists()
        ), link
