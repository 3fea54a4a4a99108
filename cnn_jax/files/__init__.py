"""Files on disk that are whole or absent: written atomically, checked, shared by processes.

    _replace.py      write a file or a folder that appears only when it is complete
    _space.py        whether the disk has room
    _checksums.py    SHA-256 of a stream; SHA256SUMS, which tells whether a folder has changed
    _lock.py         a file that one process at a time holds
    _cache.py        the cache folder, and a JSON file of named entries that several processes share
    _arrays.py       named arrays in a file, of one of two formats:
    _safetensors.py  with texts, and a SHA-256 of everything
    _npz.py          NumPy's
    _stored.py       what such a file holds

Nothing here imports JAX.

>>> import tempfile
>>> from pathlib import Path
>>> from cnn_jax import files
>>> file = Path(tempfile.mkdtemp()) / "result.json"
>>> files.replace(file, '{"accuracy": 0.9}')
>>> file.read_text()
'{"accuracy": 0.9}'
"""

from ._arrays import array_file as array_file
from ._arrays import read_arrays as read_arrays
from ._arrays import write_arrays as write_arrays
from ._cache import JsonCache as JsonCache
from ._cache import Unusable as Unusable
from ._cache import cache_folder as cache_folder
from ._checksums import LIST as LIST
from ._checksums import damage as damage
from ._checksums import sha256 as sha256
from ._checksums import write_checksums as write_checksums
from ._lock import Lock as Lock
from ._lock import Locked as Locked
from ._lock import lock as lock
from ._replace import replace as replace
from ._replace import replacing as replacing
from ._replace import replacing_folder as replacing_folder
from ._space import require_space as require_space
from ._stored import ArrayFile as ArrayFile
from ._stored import Stored as Stored
