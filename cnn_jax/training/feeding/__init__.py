"""Batches on the device: from arrays that lie there, or read while the network trains.

_choose.py      `batches`, which chooses; `Batches`, what both are
_resident.py    `Resident`: many steps in one program
_stream.py      `Stream`: Grain reads ahead
_own.py         `Own`: batches that the user makes
_examples.py    examples by their indices, and their fingerprint
_order.py       the order of the examples, from the run's key
_placing.py     batches onto one device, or split over a mesh
"""

from ._choose import Batches as Batches
from ._choose import batches as batches
from ._own import Own as Own
from ._placing import DATA as DATA
from ._placing import on_each as on_each
from ._resident import Resident as Resident
from ._stream import Stream as Stream
