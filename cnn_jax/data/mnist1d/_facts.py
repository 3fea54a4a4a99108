"""What is known about MNIST-1D."""

from dataclasses import replace

from .._info import Info

LENGTH = 40

INFO = Info(
    name="mnist1d",
    title="MNIST-1D",
    description="Signals of 40 numbers: curves of 10 digits, bent, moved and noisy.",
    counts={"train": 4000, "test": 1000},
    shape=(LENGTH, 1),
    labels={"label": tuple("0123456789")},
    license="Apache-2.0",
    homepage="https://github.com/greydanus/mnist1d",
    citation=(
        "S. Greydanus, D. Kobak, Scaling Down Deep Learning with MNIST-1D (2020), arXiv:2011.14439."
    ),
)

SHUFFLED_INFO = replace(
    INFO,
    name="mnist1d_shuffled",
    title="MNIST-1D, shuffled",
    description="MNIST-1D with its 40 positions in another order, the same for all signals.",
)
