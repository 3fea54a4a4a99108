"""One picture of twelve tasks: a held-out example of the newest run of each, with its figure.

    python -m experiments.gallery                      writes experiments/pictures/tasks.png
    python -m experiments.gallery --file tasks.png     writes there

Each tile is cut out of a picture that the run's command drew; see each command for its own. The
runs are the newest finished ones in runs/, without --smoke.

2 CPU cores: less than a minute. Draws tasks.png.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from experiments.drawing import plots
from experiments.lecture.sections.tasks import TASKS, newest
from experiments.running import command
from experiments.running.options import RunError

ACROSS = 4
SIDE = 288  # pixels of a tile


@dataclass(frozen=True)
class Config:
    """Draw one picture of the newest run of each task."""

    file: Path = Path(__file__).with_name("pictures") / "tasks.png"
    """The picture to write."""


@dataclass(frozen=True)
class Tile:
    """Which parts of a run's picture are shown, one or four, and what its figure means.

    Args:
        figure: the headline, in words.
        panels: numbers of the parts that show an image.
        cells: how many equal cells the part has from left to right.
        shown: which of these are shown.
        names: what the parts or the lines in them are, written below.
    """

    figure: str
    panels: tuple[int, ...] = (0,)
    cells: int = 1
    shown: tuple[int, ...] = (0,)
    names: str = ""


FRAMES = (0, 2, 5, 7)
TILES = {
    "detect": Tile("AP at 0.5", names="white: true boxes"),
    "segment": Tile("mIoU", (0, 12, 24, 36), names="scene, truth; network, baseline"),
    "instances": Tile("AP of masks", names="white: true outlines"),
    "track": Tile(
        "success", cells=8, shown=FRAMES, names="white: true; green: network; red: baseline"
    ),
    "video": Tile("directions", cells=8, shown=FRAMES, names="four frames"),
    "camera_pose": Tile("pixels", names="white: true; blue: network; dotted: ORB"),
    "body_pose": Tile("PCK", names="white: true limbs"),
    "stereo": Tile("pixels", (0, 1, 2, 4), names="left view, truth; network, matching"),
    "denoise": Tile("PSNR, dB", (0, 1, 2, 5), names="clean, noisy; non-local means, network"),
    "superresolve": Tile("PSNR, dB", (0, 1, 2, 3), names="small, bicubic; network, true"),
    "caption": Tile("sentences right"),
    "synthesize": Tile("distance", names="made ones"),
}


def main(config: Config) -> Path:
    """Cut the tiles out of the runs' pictures, and draw them side by side."""
    runs = {name: newest(TASKS[name].command) for name in TILES}
    missing = [name for name, run in runs.items() if run is None]
    if missing:
        raise RunError(
            f"There is no finished run of {', '.join(missing)} in runs/. Run each first: "
            f"python -m experiments.{TASKS[missing[0]].command}"
        )
    figure = Figure(figsize=(11, 9.2), layout="constrained")
    grid = figure.subplots(-(-len(TILES) // ACROSS), ACROSS).ravel()
    for axes, (name, tile) in zip(grid, TILES.items()):
        folder, headline = runs[name]
        title, shown = cut(folder / TASKS[name].picture, tile)
        axes.imshow(shown)
        axes.set(xticks=[], yticks=[], frame_on=False)
        value, baseline = (f"{headline[key]:.3g}" for key in ("value", "baseline"))
        low = "" if headline["higher_is_better"] else " (low is good)"
        text = f"{tile.figure}{low} {value}, baseline {baseline}"
        axes.set_title(f"{name}: {TASKS[name].what}\n{text}", fontsize=9)
        # Of caption the sentence is the answer.
        axes.set_xlabel(title if name == "caption" else tile.names, fontsize=8)
    plots.save(figure, config.file)
    Console().print(f"written to {config.file}")
    return config.file


def cut(file: Path, tile: Tile) -> tuple[str, np.ndarray]:
    """Cut a tile out of a picture.

    Returns:
        The title of its first part, and uint8 (`SIDE`, `SIDE`, 3): one part, or four, two by two.

    Raises:
        RunError: the picture has fewer parts.
    """
    found = plots.panels(file)
    if len(found) <= max(tile.panels):
        raise RunError(f"{file} does not say where its parts are: run its command again.")
    panels = [found[number] for number in tile.panels]
    cells = [np.array_split(panel, tile.cells, 1)[n] for _, panel in panels for n in tile.shown]
    side = SIDE if len(cells) == 1 else SIDE // 2
    sized = [np.asarray(Image.fromarray(squared(cell)).resize((side, side))) for cell in cells]
    rows = [np.concatenate(sized[i : i + 2], 1) for i in range(0, len(sized), 2)]
    return panels[0][0], np.concatenate(rows)


def squared(cell: np.ndarray) -> np.ndarray:
    """The middle of an image, as high as it is wide."""
    side = min(cell.shape[:2])
    top, left = ((length - side) // 2 for length in cell.shape[:2])
    return cell[top : top + side, left : left + side]


if __name__ == "__main__":
    command.run(main, Config, __doc__)
