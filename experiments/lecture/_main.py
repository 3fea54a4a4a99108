"""The command that computes the sections and writes the page."""

import time
from dataclasses import dataclass
from pathlib import Path

from cnn_jax import arguments, files, pages
from experiments.lecture import _kept
from experiments.lecture.sections import SECTIONS
from experiments.running import command
from experiments.running.options import RunError, require_types

TITLE = "Convolution and pooling"
OPENING = (
    "The lecture, run: each claim with the lines of code that show it, what they drew, and the "
    "numbers that they came to."
)


@dataclass(frozen=True)
class Config:
    """Build the page of the lecture."""

    section: tuple[str, ...] = ()
    """Only these sections, by name; by default all."""
    workdir: Path = Path("runs/lecture")
    """The folder of the page."""
    fresh: bool = False
    """Compute every section again."""

    def __post_init__(self):
        require_types(self)
        for name in self.section:
            try:
                arguments.one_of("--section", name, SECTIONS)
            except ValueError as error:
                raise RunError(str(error)) from error


@dataclass(frozen=True)
class Result:
    """The page, and how long it took."""

    page: Path
    seconds: float


def main(config: Config) -> Result:
    """Compute the sections that are not kept, and write the page."""
    begun, console = time.perf_counter(), command.console()
    kept = config.workdir / "sections"
    kept.mkdir(parents=True, exist_ok=True)
    chosen = {name: SECTIONS[name] for name in SECTIONS if name in (config.section or SECTIONS)}
    written = []
    for number, (name, section) in enumerate(chosen.items(), 1):
        start = time.perf_counter()
        html = None if config.fresh else _kept.read(kept, section)
        how = "kept"
        if html is None:
            html = pages.section(name, section.title, section.parts())
            _kept.write(kept, section, html)
            how = f"{time.perf_counter() - start:.1f} s"
        written.append(html)
        console.print(f"{number:2} of {len(chosen)}  {name:20} {how}")
    contents = pages.contents({name: section.title for name, section in chosen.items()})
    about = pages.facts({"device": command.device(), "versions": command.versions()})
    page = config.workdir / "index.html"
    files.replace(page, pages.page(TITLE, [OPENING, contents, *written, about]))
    seconds = time.perf_counter() - begun
    console.print(f"{page}, {page.stat().st_size / 2**20:.1f} MiB, {seconds:.1f} s")
    return Result(page, seconds)
