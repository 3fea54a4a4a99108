"""SVHN, cropped: 32x32 color photographs of digits on house fronts.

Sizes and SHA-256 are those in TFDS's ``datasets/svhn_cropped/checksums.tsv``. The files number the
digit 0 as 10. The third file, "extra" (531,131 easier images, 1.3 GB), is left out.
"""

from .._found import Found
from .._info import Info
from ..formats import mat
from ._set import Arrays, Original, Set

INFO = Info(
    name="svhn_cropped",
    title="SVHN (cropped)",
    description="32x32 color photographs of digits on house fronts.",
    counts={"train": 73_257, "test": 26_032},
    shape=(32, 32, 3),
    labels={"label": tuple("0123456789")},
    license="for non-commercial use only",
    homepage="http://ufldl.stanford.edu/housenumbers/",
    citation=(
        "Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng, Reading Digits in Natural "
        "Images with Unsupervised Feature Learning, NIPS Workshop on Deep Learning (2011)."
    ),
)

ORIGINALS = (
    Original(
        "train_32x32.mat",
        182040794,
        "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    ),
    Original(
        "test_32x32.mat",
        64275384,
        "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    ),
)


def read(found: Found, split: str) -> Arrays:
    """Read one split from its file.

    Args:
        found: where the files are.
        split: ``"train"`` or ``"test"``.

    Returns:
        ``image`` uint8 (n, 32, 32, 3) and ``label`` int32 (n,), the digit.

    Raises:
        DamagedFileError: the file is damaged or not the expected one.

    Example:
        >>> from pathlib import Path
        >>> read(Found({"test_32x32.mat": Path("/nowhere/test_32x32.mat")}, ""), "test")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/test_32x32.mat'
    """
    images, numbers = mat.read(found.files[f"{split}_32x32.mat"], remedy=found.remedy)
    # 1 to 10 become 1 to 9 and 0; all else becomes -1, which is no class.
    labels = (numbers % 10).astype(numbers.dtype)
    labels[(numbers < 1) | (numbers > 10)] = -1
    return {"image": images, "label": labels}


SET = Set(
    INFO,
    url="http://ufldl.stanford.edu/housenumbers/",
    originals=ORIGINALS,
    read=read,
)
