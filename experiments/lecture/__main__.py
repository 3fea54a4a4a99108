"""The command; see the package's docstring."""

from experiments import _runs, lecture
from experiments.lecture._main import Config, main

if __name__ == "__main__":
    _runs.run(main, Config, lecture.__doc__ or "")
