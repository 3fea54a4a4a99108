"""Real pictures in packages of Debian, where they are installed: read there, and never copied."""

from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """A package, and where it has its pictures."""

    name: str
    folder: Path

    def files(self, *names: str) -> list[Path] | None:
        """These files, or None if one of them is not there."""
        found = [self.folder / name for name in names]
        return found if all(file.is_file() for file in found) else None

    def absent(self, what: str) -> str:
        """A line that says what is not there, and how a user would get it."""
        return f"not found: {what}, in Debian's package {self.name} (apt install {self.name})"


# OpenCV's pictures are under the Apache license, those of ViSP under the GPL.
OPENCV = Package("opencv-doc", Path("/usr/share/doc/opencv-doc/examples/data"))
VISP = Package("visp-images-data", Path("/usr/share/visp-images-data/ViSP-images"))
