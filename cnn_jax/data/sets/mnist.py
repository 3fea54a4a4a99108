"""MNIST: 28x28 gray pictures of handwritten digits.

Sizes and SHA-256 are those in TFDS's ``url_checksums/mnist.txt``.
"""

from .._info import Info
from ..formats import idx
from ._set import Original, Set

INFO = Info(
    name="mnist",
    title="MNIST",
    description="28x28 gray pictures of handwritten digits.",
    counts={"train": 60_000, "test": 10_000},
    shape=(28, 28, 1),
    labels={"label": tuple("0123456789")},
    license="CC BY-SA 3.0",
    homepage="http://yann.lecun.com/exdb/mnist/",
    citation=(
        "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document "
        "Recognition, Proceedings of the IEEE 86 (1998)."
    ),
)

ORIGINALS = (
    Original(
        "train-images-idx3-ubyte.gz",
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    Original(
        "train-labels-idx1-ubyte.gz",
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    Original(
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    Original(
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)

SET = Set(
    INFO,
    url="https://storage.googleapis.com/cvdf-datasets/mnist/",
    originals=ORIGINALS,
    read=idx.reader(idx.MNIST_PAIRS, classes=10),
)
