"""The part of Fashion-MNIST that comes with the package (Zalando, MIT, see LICENSE).

_files.py        its counts and checksums
_small.py        read the 7,000 images in small/
make_small.py    make small/ from the full files
"""

from ._files import COUNTS as COUNTS
from ._small import read_small as read_small
