"""Any set that TFDS has prepared on disk, in array_record files: read without TensorFlow.

_places.py    where such sets lie, and which of them a name means
_facts.py     their facts
_set.py       `TfdsSet`: the facts, and the records of one split

TFDS itself is imported when a set is opened: half a second that few need.
"""

from ._places import data_folder as data_folder
from ._places import is_version as is_version
from ._places import named as named
from ._places import names_in as names_in
from ._set import TfdsSet as TfdsSet
from ._set import how_to_prepare as how_to_prepare
from ._set import knows as knows
