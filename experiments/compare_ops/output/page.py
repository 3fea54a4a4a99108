"""One page with everything: facts about the run, the plots, and a table that a click sorts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnn_jax import files, pages

NAME = "compare_ops.html"

EXPLAINED = """A ratio is the built-in's median time over that of the row: over 1 is faster than the
built-in. Its quartiles are of the ratios of neighboring runs. The error is the largest difference
from the built-in's result over that result's largest value. The shares are of the rate of a large
matrix product and of the bandwidth of memory, both measured in the same run. Click on a head to
sort."""


def write(
    folder: Path, head: Mapping[str, Any], table: pages.Part, pictures: Mapping[str, str]
) -> None:
    """Write the page.

    Args:
        folder: of the run.
        head: facts about the run, by name.
        table: every measurement.
        pictures: PNG files in the folder to put into the page, and the caption of each.
    """
    figures = (pages.figure(folder / file, caption) for file, caption in pictures.items())
    parts = [EXPLAINED, pages.facts(head), *figures, table]
    files.replace(folder / NAME, pages.page("Convolution and pooling, compared", parts))
