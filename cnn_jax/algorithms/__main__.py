"""List the algorithms, what each does, and what it computes: `python -m cnn_jax.algorithms`."""

from importlib import import_module

from . import ALGORITHMS

KINDS = {"output": "convolutions", "max_pool": "pools", "local": "conv_local", "patches": "unfold"}


def table() -> str:
    """For each algorithm a line with its file's first line, and one with the calls it computes."""
    lines = []
    for name, algorithm in ALGORITHMS.items():
        about = (import_module(f"cnn_jax.algorithms.{name}").__doc__ or "").splitlines()[0]
        kinds = ", ".join(kind for side, kind in KINDS.items() if getattr(algorithm, side))
        lines.append(f"{name:<10} {about}\n{'':<10} for {kinds}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
