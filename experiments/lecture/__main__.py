"""The command; see the package's docstring."""

from experiments import lecture
from experiments.lecture._main import Config, main
from experiments.running import command

if __name__ == "__main__":
    command.run(main, Config, lecture.__doc__ or "")
