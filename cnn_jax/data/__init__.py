"""Data sets: `load` one into arrays, or open it as a `source` of examples, by name or folder.

    _load.py           `load`, `source`, `info`, `names`
    _naming.py         what a name means: a set of ours, a folder of images, a set of TFDS
    _registry.py       our sets by name, and how they are opened
    _sheet.py          examples in one picture; `python -m cnn_jax.data NAME` draws it
    _dataset.py        `Dataset`: arrays in memory
    _uniform.py        `uniform`: pictures, masks and boxes of the same shapes
    _info.py           `Info`: the facts about a set
    _found.py          original files that were found
    _errors.py         what is raised when files are damaged or cannot be downloaded
    sets/              a file of facts for each set
    formats/           the formats of original files, read strictly
    preparing/         from original files to records on disk, through TFDS
    sources/           `Source`: examples by their index
    folders/           folders of images as sets
    tfds_sets/         sets that TFDS has prepared, as they are
    fashion_mnist/     the 7,000 images of Fashion-MNIST that come with the package
    mnist1d/           signals, made when they are asked for
    augment/           batches changed at random on the device; imported on first use: it needs JAX
    photos/            photographs of different sizes, and patches of them; imported likewise
    figures/           people made of limbs on photographs, drawn on the device; likewise
    scenes/            garments on backgrounds, composed on the device; likewise
    stereo_pairs.py    two views of surfaces with photographs on them, and disparities; likewise
    views.py           pairs of views of photographs and how the camera moved; likewise

>>> from cnn_jax import data
>>> train = data.load("fashion_mnist_small", "train")
>>> train
Dataset(images=uint8 (6000, 28, 28, 1), labels=int32 (6000,), 10 classes)
>>> train.classes[train.labels[0]]
'Ankle boot'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._dataset import Dataset as Dataset
from ._errors import DamagedFileError as DamagedFileError
from ._errors import DownloadError as DownloadError
from ._info import Info as Info
from ._load import info as info
from ._load import load as load
from ._load import names as names
from ._load import source as source
from ._uniform import uniform as uniform
from .sources import Source as Source

if TYPE_CHECKING:
    from . import augment as augment
    from . import figures as figures
    from . import photos as photos
    from . import scenes as scenes
    from . import stereo_pairs as stereo_pairs
    from . import views as views


LAZY = ("augment", "figures", "photos", "scenes", "stereo_pairs", "views")


def __getattr__(name: str) -> Any:
    """What needs JAX or scikit-image's pictures is imported when first asked for."""
    if name in LAZY:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *LAZY])
