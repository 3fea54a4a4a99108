"""Photographs that may be used freely, from scikit-image, and patches of them drawn at random.

    _table.py   the photographs: whose they are, and which are held out
    _load.py    `load`: one split, as arrays that differ in size
    _joined.py  `Joined`: photographs of several sizes as one array
    _crops.py   `crops`: square patches, drawn by a key on the device

Only files that scikit-image's package contains are read: nothing is downloaded, and scikit-image's
own code is not imported. Left out are pictures that are no photographs, and those of which
scikit-image does not say that anybody may use them (`moon`, `page`, the stereo pair).

>>> train, test = load("train"), load("test")
>>> list(test), test["rocket"].shape
(['camera', 'chelsea', 'coins', 'rocket'], (427, 640, 3))
"""

from ._crops import crops as crops
from ._joined import Joined as Joined
from ._load import load as load
from ._table import PHOTOGRAPHS as PHOTOGRAPHS
from ._table import Photograph as Photograph
