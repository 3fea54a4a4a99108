"""CIFAR-10: 32x32 color photographs of 10 kinds of things.

Size and SHA-256 are those in TFDS's ``url_checksums/cifar10.txt``. The binary version is used,
which holds no pickles.
"""

from .._info import Info
from ..formats import cifar
from ._set import Original, Set

INFO = Info(
    name="cifar10",
    title="CIFAR-10",
    description="32x32 color photographs of 10 kinds of animals and vehicles.",
    counts={"train": 50_000, "test": 10_000},
    shape=(32, 32, 3),
    labels={
        "label": (
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        )
    },
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    citation=(
        "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009), technical "
        "report, University of Toronto."
    ),
)

ARCHIVE = Original(
    "cifar-10-binary.tar.gz",
    170052171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)

MEMBERS = {
    "train": [f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["cifar-10-batches-bin/test_batch.bin"],
}

SET = Set(
    INFO,
    url="https://www.cs.toronto.edu/~kriz/",
    originals=(ARCHIVE,),
    read=cifar.reader(ARCHIVE.name, MEMBERS, ["label"]),
)
