"""Kuzushiji-MNIST: 28x28 gray pictures of handwritten characters from old Japanese books.

Sizes and SHA-256 are those in TFDS's ``url_checksums/kmnist.txt``.
"""

from .._info import Info
from ..formats import idx
from ._set import Original, Set

INFO = Info(
    name="kmnist",
    title="Kuzushiji-MNIST",
    description="28x28 gray pictures of 10 handwritten characters from old Japanese books.",
    counts={"train": 60_000, "test": 10_000},
    shape=(28, 28, 1),
    labels={"label": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")},
    license="CC BY-SA 4.0",
    homepage="http://codh.rois.ac.jp/kmnist/index.html.en",
    citation=(
        "T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha, Deep Learning for "
        "Classical Japanese Literature (2018), arXiv:1812.01718."
    ),
)

ORIGINALS = (
    Original(
        "train-images-idx3-ubyte.gz",
        18165135,
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    ),
    Original(
        "train-labels-idx1-ubyte.gz",
        29497,
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    ),
    Original(
        "t10k-images-idx3-ubyte.gz",
        3041136,
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    ),
    Original(
        "t10k-labels-idx1-ubyte.gz",
        5120,
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
)

SET = Set(
    INFO,
    url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    originals=ORIGINALS,
    read=idx.reader(idx.MNIST_PAIRS, classes=10),
)
