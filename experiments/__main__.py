"""The command that lists the experiments, or runs one of them.

python -m experiments                     lists them
python -m experiments NAME [OPTIONS]      the same as python -m experiments.NAME [OPTIONS]
"""

import ast
import pkgutil
import re
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

from cnn_jax import arguments

FOLDER = Path(__file__).parent


# The line of an experiment's docstring that says what its command takes and makes. The minutes are
# left out until somebody has measured them.
COST = re.compile(r"^(2 CPU cores: .*minutes?\b.*\. )?Draws .+\.$", re.MULTILINE)


@dataclass(frozen=True)
class About:
    """What an experiment's docstring says of it: its first line, and that of its cost or none."""

    summary: str
    cost: str


def experiments(folder: Path = FOLDER) -> dict[str, About]:
    """What each experiment says of itself, by its name, without importing it."""
    found = {}
    for module in pkgutil.iter_modules([str(folder)]):
        package = folder / module.name
        # A package that runs by itself is an experiment; the others are parts of experiments.
        runs = not module.ispkg or (package / "__main__.py").exists()
        if runs and not module.name.startswith("_"):
            file = package / "__init__.py" if module.ispkg else package.with_suffix(".py")
            tree = ast.parse(file.read_text(encoding="utf-8"))
            docstring = ast.get_docstring(tree) or ""
            cost = COST.search(docstring)
            summary = docstring.partition("\n")[0]
            found[module.name] = About(summary, cost.group() if cost else "")
    return found


def main(words: list[str]) -> None:
    """List the experiments, or run the one that the first word names with the others as options."""
    known = experiments()
    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, known))
        head = "The experiments. `python -m experiments.NAME --help` lists the options of one.\n"
        lines = []
        for name, about in known.items():
            lines += [f"    {name:{width}}  {about.summary}", f"    {'':{width}}  {about.cost}"]
        # In one write: with several, `| head` may close the pipe before the last.
        sys.stdout.write("\n".join([head, *lines, ""]))
        return
    name, *options = words
    try:
        arguments.one_of("NAME", name, known)
    except ValueError as error:
        sys.exit(f"error: {error}")
    sys.argv = [name, *options]
    runpy.run_module(f"experiments.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
