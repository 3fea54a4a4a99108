"""Sections that were computed before and need not be computed again."""

import hashlib
import importlib.metadata
import inspect
import json
from pathlib import Path

import cnn_jax
from cnn_jax import files, pages
from experiments.lecture._section import Section
from experiments.running import command

PACKAGES = ("jax", "jaxlib", "flax", "numpy", "optax", "matplotlib", "scikit-image", "pillow")


def read(folder: Path, section: Section) -> pages.Part | None:
    """The HTML of a section, if it was computed by the code of now; else None.

    Args:
        folder: where sections are kept.
        section: which one.
    """
    try:
        kept = json.loads((folder / f"{section.name}.json").read_text(encoding="utf-8"))
        return pages.Part(kept["html"]) if kept["code"] == code_of(section) else None
    except (OSError, ValueError, KeyError, TypeError):  # none, or a damaged one
        return None


def write(folder: Path, section: Section, html: pages.Part) -> None:
    """Keep the HTML of a section."""
    text = json.dumps({"code": code_of(section), "html": html})
    files.replace(folder / f"{section.name}.json", text)


def code_of(section: Section) -> str:
    """A checksum of all that a section depends on: its files, the library, the versions, runs."""
    own = Path(inspect.getfile(section.show))
    sources = [
        *own.parent.glob(f"{own.stem}.*"),  # with its script, if it has one
        *own.parents[1].glob("*.py"),
        *Path(cnn_jax.__path__[0]).rglob("*.py"),
    ]
    found = hashlib.sha256()
    for file in sorted(sources):
        found.update(file.read_bytes())
    for name in PACKAGES:
        found.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    found.update(f"{command.device()}\n{section.depends()}".encode())
    return found.hexdigest()
