"""Fashion-MNIST: 28x28 gray pictures of clothes in 10 classes, from Zalando (MIT, see LICENSE).

_files.py        the facts: file names, checksums, classes, where to find them
_small.py        read the 7,000 images in small/ that come with the package
make_small.py    make small/ from the full files
builder.py       the full set as a TFDS builder, without TensorFlow
_sources.py      find its files: a folder, Debian's package, a download
_prepared.py     prepare it once, completely or not at all; verify it; read it
checksums.tsv    what TFDS's download manager expects of each download
"""

from ._files import CLASSES as CLASSES
from ._small import read_small as read_small
