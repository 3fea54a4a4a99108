"""Datasets as NumPy arrays: one call, ``load(name, split)``, whatever the source.

    _load.py           `load` and the names it knows
    _idx.py            read and write IDX files, the format of MNIST and its relatives
    _errors.py         what `load` raises when files are damaged or cannot be downloaded
    fashion_mnist/     Fashion-MNIST: 7,000 images inside the package, 70,000 through TFDS

>>> from cnn_jax import data
>>> train = data.load("fashion_mnist_small", "train")
>>> train
Dataset(images=uint8 (6000, 28, 28, 1), labels=int32 (6000,), 10 classes)
>>> train.classes[train.labels[0]]
'Ankle boot'
"""

from ._errors import DamagedFileError as DamagedFileError
from ._errors import DownloadError as DownloadError
from ._load import Dataset as Dataset
from ._load import load as load
