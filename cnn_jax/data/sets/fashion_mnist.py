"""Fashion-MNIST: 28x28 gray pictures of clothes in 10 classes, from Zalando.

The checksums in `PAIRS` are those of the unzipped content. They were computed from Debian's files
(package ``dataset-fashion-mnist`` 0.0~git20200523.55506a9-1); with the original gzip headers (name
and time) put back, those four files have the MD5 sums in the README of
https://github.com/zalandoresearch/fashion-mnist and the sizes and SHA-256 in TFDS's
``url_checksums/fashion_mnist.txt``, which are those in `ORIGINALS`.
"""

from pathlib import Path

from .._info import Info
from ..formats import idx
from ._set import Debian, Original, Set

INFO = Info(
    name="fashion_mnist",
    title="Fashion-MNIST",
    description="28x28 gray pictures of clothes in 10 classes.",
    counts={"train": 60_000, "test": 10_000},
    shape=(28, 28, 1),
    labels={
        "label": (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        )
    },
    license="MIT",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    citation=(
        "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking "
        "Machine Learning Algorithms (2017), arXiv:1708.07747."
    ),
)

ORIGINALS = (
    Original(
        "train-images-idx3-ubyte.gz",
        26421880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    Original(
        "train-labels-idx1-ubyte.gz",
        29515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    Original(
        "t10k-images-idx3-ubyte.gz",
        4422102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    Original(
        "t10k-labels-idx1-ubyte.gz",
        5148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)

PAIRS = {
    "train": idx.MNIST_PAIRS["train"]._replace(
        images_sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        labels_sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "test": idx.MNIST_PAIRS["test"]._replace(
        images_sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        labels_sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}

DEBIAN = Debian("dataset-fashion-mnist", Path("/usr/share/datasets/fashion-mnist"))

SET = Set(
    INFO,
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    originals=ORIGINALS,
    read=idx.reader(PAIRS, classes=10),
    checks_content=True,
    debian=DEBIAN,
)
