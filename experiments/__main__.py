"""The command that lists the experiments, or runs one of them.

python -m experiments                     lists them
python -m experiments NAME [OPTIONS]      the same as python -m experiments.NAME [OPTIONS]
"""

import ast
import pkgutil
import runpy
import sys
from pathlib import Path

from cnn_jax import arguments

FOLDER = Path(__file__).parent


def summaries(folder: Path = FOLDER) -> dict[str, str]:
    """The first line of each experiment's docstring, by its name, without importing it."""
    found = {}
    for module in pkgutil.iter_modules([str(folder)]):
        if not module.name.startswith("_"):
            file = f"{module.name}/__init__.py" if module.ispkg else f"{module.name}.py"
            docstring = ast.get_docstring(ast.parse((folder / file).read_text(encoding="utf-8")))
            found[module.name] = (docstring or "").partition("\n")[0]
    return found


def main(words: list[str]) -> None:
    """List the experiments, or run the one that the first word names with the others as options."""
    known = summaries()
    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, known))
        head = "The experiments. `python -m experiments.NAME --help` lists the options of one.\n"
        lines = [f"    {name:{width}}  {summary}" for name, summary in known.items()]
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
