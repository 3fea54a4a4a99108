"""The facts about Fashion-MNIST's files.

The checksums in `FULL` were computed from Debian's files (package ``dataset-fashion-mnist``
0.0~git20200523.55506a9-1); with the original gzip headers (name and time) put back, those four
files have the MD5 sums in the README of https://github.com/zalandoresearch/fashion-mnist and the
SHA-256 and sizes in TFDS's ``url_checksums/fashion_mnist.txt``, the source of ``checksums.tsv``.
"""

from pathlib import Path

from .._idx import Pair

CLASSES = (
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

URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")

FULL = {  # 60,000 and 10,000 images
    "train": Pair(
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        images_sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        labels_sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "test": Pair(
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        images_sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        labels_sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}

SMALL_COUNTS = {"train": 6000, "test": 1000}
SMALL = {  # printed by make_small.py
    "train": FULL["train"]._replace(
        images_sha256="6dded81672539b5d148c1a85358069d1808c316dc6f6c0abfd12ba3ced5dd394",
        labels_sha256="d7c464914ae4b919728c5c99c3cdde5a0259febf1e99ddc6927a15768731d7dc",
    ),
    "test": FULL["test"]._replace(
        images_sha256="7a6d8e07ea021ec5bc73135ebd0a5770799557ec6f8242d8749c4f32a3cf4643",
        labels_sha256="b40abac7ec8228f434940f579deb7cf7b6e3103b5274cb91d1545771f5ef1c8b",
    ),
}
