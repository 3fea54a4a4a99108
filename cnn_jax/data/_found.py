"""`Found`: original files that were found, and the advice that errors about them end with."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """Where each original lies, by name, and what a user can do if one is bad.

    Example:
        >>> Found({}, "Copy it again.").remedy
        'Copy it again.'
    """

    files: Mapping[str, Path]
    remedy: str
