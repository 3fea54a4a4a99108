"""Print the facts about a data set, and draw a contact sheet of its examples.

    python -m cnn_jax.data                                      list the sets
    python -m cnn_jax.data fashion_mnist_small
    python -m cnn_jax.data ./pets --split test --sheet pets.png
    python -m cnn_jax.data coco/2017 --folder /data

The name is one that `cnn_jax.data.load` takes. Masks and boxes are drawn over the images;
signals are drawn as lines.
"""

import logging
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from cnn_jax import arguments, files

from . import _sheet, info, names, source, tfds_sets
from ._info import Info

FEW = 20  # names of classes that are printed


@dataclass(frozen=True)
class Config:
    """Which set to show, and where to write the picture."""

    name: tyro.conf.Positional[str | None] = None
    """A set's name, or the path to a folder of images; without it all names are listed."""
    split: str | None = None
    """The split that is drawn; by default the first one."""
    folder: Path | None = None
    """Where the set's files are, as `cnn_jax.data.load` takes it."""
    count: int = 24
    """How many examples are drawn; 0 draws and writes nothing."""
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")] = None
    """The picture; by default NAME.png in the current folder."""


def main(config: Config) -> Path | None:
    """Print the facts and write the picture.

    Returns:
        The picture that was written, if one was.

    Raises:
        ValueError, OSError: as `cnn_jax.data.load` says.
    """
    if config.name is None:
        print("\n".join(listed(config.folder)))
        return None
    count = arguments.integer("count", config.count, at_least=0)
    facts = info(config.name, folder=config.folder)
    if count == 0:
        show(facts)
        return None
    split = config.split if config.split is not None else facts.splits[0]
    figure = _sheet.sheet(source(config.name, split, folder=config.folder), count)
    path = config.sheet or Path(f"{file_name(facts)}.png")
    with files.replacing(path) as new:
        figure.savefig(new, dpi=150, format=path.suffix[1:] or "png")
    # Write before printing: the reader of a pipe, such as `head`, may close it early.
    show(facts)
    print(f"wrote {path}: {len(figure.axes)} examples of the {split} split")
    return path


def listed(folder: Path | None) -> list[str]:
    """A line for each set of ours, and for each that TFDS has prepared."""
    place = tfds_sets.data_folder() if folder is None else folder.expanduser()
    lines = [(name, info(name).description) for name in names()]
    lines += [(name, f"prepared by TFDS in {place}") for name in tfds_sets.names_in(place)]
    return aligned(lines)


def show(facts: Info) -> None:
    """Print the facts: as a table on a terminal, otherwise a plain line for each."""
    console, lines = Console(markup=False, emoji=False, highlight=False), rows(facts)
    if not console.is_terminal:
        print("\n".join(aligned(lines)))
        return
    table = Table(title=facts.title, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in lines:
        table.add_row(name, text)
    console.print(table)


def aligned(lines: list[tuple[str, str]]) -> list[str]:
    """Names and texts in two columns."""
    width = max(len(name) for name, _ in lines)
    return [f"{name:<{width}}  {text}" for name, text in lines]


def rows(facts: Info) -> list[tuple[str, str]]:
    """The facts, each in one line with its name."""
    shape = "x".join("?" if length is None else str(length) for length in facts.shape)
    found = [("name", facts.name), ("title", facts.title), ("description", facts.description)]
    found += [(split, f"{count:,} examples") for split, count in facts.counts.items()]
    found += [("image", shape or "none")]
    for name, classes in facts.labels.items():
        some = ", ".join(classes[:FEW]) + (", …" if len(classes) > FEW else "")
        found.append((name, f"{len(classes)} classes: {some}"))
    found += [("masks", ", ".join(facts.masks)), ("boxes", ", ".join(facts.boxes))]
    found += [("license", facts.license), ("homepage", facts.homepage)]
    found += [("citation", " ".join(facts.citation.split()))]
    return [(name, text) for name, text in found if text]


def file_name(facts: Info) -> str:
    """A file's name for a set: ``coco_2017`` for ``coco/2017``, ``pets`` for ``/data/pets``."""
    name = facts.title if Path(facts.name).is_absolute() else facts.name
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "images"


if __name__ == "__main__":
    config = tyro.cli(Config, description=__doc__)
    logging.getLogger("absl").setLevel(logging.ERROR)  # TFDS recommends OpenCV, once
    try:
        main(config)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, is gone; the picture is written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, TypeError, OSError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
