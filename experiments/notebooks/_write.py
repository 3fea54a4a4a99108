"""Writes the notebooks beside this file: python -m experiments.notebooks._write.

`lecture.ipynb` has a text and a cell of code for each section of `experiments.lecture`;
`colab_tpu.ipynb` runs a few experiments on a TPU. A test asks that both are what this writes.
"""

import json
from pathlib import Path
from typing import Any

from cnn_jax import files
from experiments.lecture._main import OPENING, TITLE
from experiments.lecture.sections import SECTIONS

FOLDER = Path(__file__).parent

INSTALL = """
# In Colab: fetch the code, and install what it needs beside the jax that is there.
import importlib.util

ADDRESS = ""  # of the repository that you opened this notebook from: https://github.com/...
if importlib.util.find_spec("cnn_jax") is None:
    import os
    import subprocess
    import sys
    from importlib.metadata import version

    if not ADDRESS:
        raise ValueError("Fill in `ADDRESS` above, and run this cell again.")
    subprocess.run(["git", "clone", "--depth", "1", ADDRESS, "code"], check=True)
    os.chdir("code")
    sys.path.insert(0, os.getcwd())
    kept = [f"{name}=={version(name)}" for name in ("jax", "jaxlib", "flax", "numpy")]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-e", ".", *kept], check=True)
"""

LECTURE = f"""
# {TITLE}

{OPENING} The same as one page: `python -m experiments.lecture`.
"""

SHOWN = """
from IPython.display import HTML

from experiments.lecture import shown
"""

SECTION = """
from experiments.lecture.sections import {name}

HTML(shown({name}))
"""

TPU = """
# Experiments on a TPU

In Colab choose *Runtime*, *Change runtime type*, and a TPU. The same cells run on a GPU or a CPU.
"""

DEVICES = """
import os

import jax
from IPython.display import Image

SMOKE = "CNN_JAX_SMOKE" in os.environ  # a few steps of everything, for the tests
jax.devices()
"""

LENET = """
## LeNet-5 learns to tell clothes apart

The 7,000 images come with the package. `dataset="fashion_mnist"` takes all 70,000.
"""

TRAIN_LENET = """
from experiments import lenet

run = lenet.main(lenet.Config(smoke=SMOKE))
Image(filename=run.workdir / "filters.png")
"""

COMPARE = """
## Convolutions from scratch against XLA's built-in

The picture is of `shifted`, one matrix product for each tap; the table has the others too. On a TPU
`auto` is the built-in. Above 1 ours is faster.
"""

COMPARE_OPS = """
from experiments import compare_ops

found = compare_ops.main(
    compare_ops.Config(
        layers="resnet-18", algorithms="shifted,im2col,auto", seconds=0.25, smoke=SMOKE
    )
)
Image(filename=found.folder / "ratios.png")
"""

TASK = """
## CenterNet finds clothes in scenes

Boxes of held-out scenes: right ones above, the worst below. `python -m experiments` lists the
other tasks.
"""

DETECT = """
from experiments import detect

run = detect.main(detect.Config(smoke=SMOKE))
Image(filename=run.workdir / "detections.png")
"""


def text(name: str, content: str) -> dict[str, Any]:
    """A cell of Markdown."""
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": lines(content)}


def code(name: str, content: str, *tags: str) -> dict[str, Any]:
    """A cell of code that has not run."""
    metadata = {"tags": list(tags)} if tags else {}
    cell = {"cell_type": "code", "execution_count": None, "id": name, "metadata": metadata}
    return {**cell, "outputs": [], "source": lines(content)}


def lines(content: str) -> list[str]:
    """The lines of a cell, as notebooks have them."""
    return content.strip().splitlines(keepends=True)


def notebooks() -> dict[str, str]:
    """The notebooks as JSON, by the names of their files."""
    lecture = [text("lecture", LECTURE), code("install", INSTALL, "install"), code("show", SHOWN)]
    for name, section in SECTIONS.items():
        lecture.append(text(f"{name}-claim", f"## {section.title}\n\n{section.claim}"))
        lecture.append(code(name, SECTION.format(name=name), "section"))
    tpu = [
        text("tpu", TPU),
        code("install", INSTALL, "install"),
        code("devices", DEVICES),
        text("lenet-about", LENET),
        code("lenet", TRAIN_LENET),
        text("compare-about", COMPARE),
        code("compare", COMPARE_OPS),
        text("task-about", TASK),
        code("task", DETECT),
    ]
    cells = {"lecture.ipynb": (lecture, {}), "colab_tpu.ipynb": (tpu, {"accelerator": "TPU"})}
    return {name: notebook(*given) for name, given in cells.items()}


def notebook(cells: list[dict[str, Any]], metadata: dict[str, Any]) -> str:
    """A notebook of these cells."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {**metadata, "kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, content in notebooks().items():
        files.replace(FOLDER / name, content)
