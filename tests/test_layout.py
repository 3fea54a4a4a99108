"""Imports go one way: geometry -> algorithms -> functional -> nn -> models."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cnn_jax"

MAY_IMPORT = {
    "geometry": set(),
    "algorithms": {"geometry"},
    "functional": {"geometry", "algorithms"},
    "nn": {"geometry", "functional"},
    "models": {"geometry", "functional", "nn"},
    "analysis": {"geometry", "functional"},
    "data": set(),
    "training": {"geometry", "functional", "data"},
}


def imported(file):
    """Absolute names of all modules of the package that `file` imports."""
    package = file.relative_to(PACKAGE.parent).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) + 1 - node.level]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def layers(file):
    """The layers of the package that `file` imports."""
    for name in imported(file):
        top, *rest = name.split(".")
        if top == "cnn_jax" and rest and rest[0] != "__version__":
            yield rest[0]


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_layer_imports_only_what_is_below_it(file):
    layer = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if layer == "__init__" or file.name == "__main__.py":  # a command brings together what it needs
        return
    assert set(layers(file)) <= MAY_IMPORT[layer] | {layer}


def test_the_check_sees_imports():
    assert set(layers(PACKAGE / "nn" / "_convolution.py")) == {"functional", "geometry", "nn"}
    assert "geometry" in set(layers(PACKAGE / "algorithms" / "vmap.py"))


def test_nothing_is_named_for_no_subject():
    assert not {file.name for file in FILES} & {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert max(len(file.read_text().splitlines()) for file in FILES) <= 400
