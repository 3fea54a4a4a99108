"""The command line of `experiments.compare_ops`."""

from experiments import _runs, compare_ops

if __name__ == "__main__":
    _runs.run(compare_ops.main, compare_ops.Config, compare_ops.__doc__)
