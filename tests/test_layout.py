"""Where things are: imports go one way, through front doors, and never in a circle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cnn_jax

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cnn_jax"

MAY_IMPORT = {
    "arguments": set(),
    "files": set(),
    "pages": {"files"},
    "geometry": {"arguments"},
    "algorithms": {"arguments", "files", "geometry"},
    "functional": {"arguments", "geometry", "algorithms"},
    "acceleration": {"arguments", "geometry", "algorithms", "functional"},
    "nn": {"arguments", "geometry", "functional"},
    "models": {"arguments", "files", "geometry", "functional", "nn"},
    "analysis": {"arguments", "files", "pages", "geometry", "functional"},
    "tasks": {"arguments", "geometry", "functional"},
    "data": {"arguments", "files", "geometry", "functional"},
    "training": {"arguments", "files", "geometry", "functional"},
}

LIBRARY = sorted(PACKAGE.rglob("*.py"))
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.py"))


def imported(file):
    """Absolute names of everything that `file` imports, wherever in the file it does so."""
    package = file.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) + 1 - node.level]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def layer_of(file):
    """The layer that a file of the library belongs to; None for the package's own `__init__`."""
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first == "__init__" else first


def layers(file):
    """The layers of the library that `file` imports."""
    for name in imported(file):
        top, *rest = name.split(".")
        if top == "cnn_jax" and rest and rest[0] != "__version__":
            yield rest[0]


def reaches(file):
    """What `file` imports from underscored modules of a layer that is not its own."""
    own = ("cnn_jax", layer_of(file)) if PACKAGE in file.parents else ("experiments",)
    for name in imported(file):
        parts = name.split(".")
        foreign = parts[0] == "cnn_jax" and tuple(parts[: len(own)]) != own
        if foreign and any(p.startswith("_") and not p.startswith("__") for p in parts[1:]):
            yield name


def module_of(file):
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def circles(files):
    """Groups of files that import each other, a front door (`__init__`) not counted as one."""
    modules = {module_of(file): file for file in files}
    arrows = {}
    for module, file in modules.items():
        names = {n if n in modules else n.rpartition(".")[0] for n in imported(file)}
        arrows[module] = {
            n for n in names if n in modules and n != module and modules[n].name != "__init__.py"
        }

    def after(module):
        met, todo = set(), [module]
        while todo:
            for other in arrows[todo.pop()] - met:
                met.add(other)
                todo.append(other)
        return met

    reach = {module: after(module) for module in arrows}
    return {
        tuple(sorted(other for other in met if module in reach[other]))
        for module, met in reach.items()
        if module in met
    }


@pytest.mark.parametrize("file", LIBRARY, ids=module_of)
def test_a_layer_imports_only_what_is_below_it(file):
    if layer_of(file) is None or file.name == "__main__.py":  # a command joins what it needs
        return
    assert set(layers(file)) <= MAY_IMPORT[layer_of(file)] | {layer_of(file)}


@pytest.mark.parametrize("file", LIBRARY + EXPERIMENTS, ids=module_of)
def test_other_layers_are_entered_by_their_front_door(file):
    assert not set(reaches(file))


def test_no_files_import_each_other_in_a_circle():
    assert not circles(LIBRARY)
    assert not circles(EXPERIMENTS)


def test_the_checks_see_imports(tmp_path, monkeypatch):
    assert set(layers(PACKAGE / "nn" / "_convolution.py")) >= {"functional", "nn"}
    assert "geometry" in set(layers(PACKAGE / "algorithms" / "vmap.py"))
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "cnn_jax")
    (tmp_path / "cnn_jax" / "nn").mkdir(parents=True)
    one, two = (tmp_path / "cnn_jax" / "nn" / name for name in ("_one.py", "two.py"))
    one.write_text("def f():\n    from . import two\n")
    two.write_text("from ._one import f\nfrom cnn_jax.geometry._padding import Pair\n")
    assert circles([one, two]) == {("cnn_jax.nn._one", "cnn_jax.nn.two")}
    assert list(reaches(two)) == ["cnn_jax.geometry._padding.Pair"]


def test_nothing_is_named_for_no_subject():
    files = LIBRARY + EXPERIMENTS
    assert not {file.name for file in files} & {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert max(len(file.read_text().splitlines()) for file in files) <= 400


def test_submodules_are_imported_on_first_use():
    names = {name for name in MAY_IMPORT if name not in ("arguments", "files", "pages")}
    assert names | {"accelerate", "autotune"} <= set(dir(cnn_jax))
    code = (
        "import sys, cnn_jax; assert 'jax' not in sys.modules; "
        "cnn_jax.functional.conv; assert 'flax' not in sys.modules; cnn_jax.nn.Conv; "
        + "; ".join(f"cnn_jax.{name}" for name in sorted(names))
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    with pytest.raises(AttributeError, match="no attribute 'functionel'"):
        cnn_jax.functionel  # noqa: B018
