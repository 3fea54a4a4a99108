"""The command line of `experiments.compare_ops`."""

from experiments import compare_ops
from experiments.running import command

if __name__ == "__main__":
    command.run(compare_ops.main, compare_ops.Config, compare_ops.__doc__)
