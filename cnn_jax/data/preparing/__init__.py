"""From original files to a set on disk that is read record by record.

    _originals.py   find the files: a folder, a Debian package, a download
    _download.py    download them through TFDS, without waiting for ever
    _builder.py     a set as a TFDS builder, without TensorFlow
    _prepared.py    prepare a set once, completely or not at all; verify it

Importing this imports TFDS, half a second that few need.
"""

from ._builder import builder_of as builder_of
from ._originals import in_folder as in_folder
from ._prepared import default_root as default_root
from ._prepared import prepared as prepared
from ._prepared import remade as remade
