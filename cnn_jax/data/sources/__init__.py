"""Examples by their index, wherever they lie: `Source`, and the records that it reads.

_source.py     `Source`: one split of a set, example by example
_arrays.py     records that are arrays in memory
_records.py    records in array_record files, as TFDS prepares them
_images.py     records that are image files
_fitted.py     any of these, with images of another size
_pictures.py   decode a picture, resize it
"""

from ._arrays import ArrayRecords as ArrayRecords
from ._fitted import FittedRecords as FittedRecords
from ._images import ImageRecords as ImageRecords
from ._pictures import SUFFIXES as SUFFIXES
from ._pictures import fit as fit
from ._records import PreparedRecords as PreparedRecords
from ._source import Example as Example
from ._source import Records as Records
from ._source import Source as Source
