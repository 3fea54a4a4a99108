"""The report about a file of weights: which arrays were loaded, and which were not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHOWN = 10


@dataclass(frozen=True, repr=False)
class Report:
    """Which arrays of a file and a network fit together; its repr is text for people.

    Attributes:
        file: the file.
        names: whose names it was read with.
        loaded: the parameters and statistics of the network that came from the file, by path.
        missing: those that are not in the file.
        unexpected: the arrays of the file that are not in the network, by their name there.
        wrong_shape: path, shape that the network needs (in the file's layout), shape in the file.
        skipped: the parameters that were to keep their values, by path.
        left_out: the arrays of the file that belong to a head, by their name there, if the network
            was made without a head.
        file_names: the name in the file of each path.
    """

    file: str
    names: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong_shape: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    skipped: tuple[str, ...]
    left_out: tuple[str, ...]
    file_names: Mapping[str, str]

    @property
    def fits(self) -> bool:
        """Whether nothing is missing, unexpected or of a wrong shape."""
        return not (self.missing or self.unexpected or self.wrong_shape)

    def __repr__(self) -> str:
        total = len(self.loaded) + len(self.missing) + len(self.wrong_shape) + len(self.skipped)
        head = f"{self.file}, by {self.names}'s names: {len(self.loaded)} of {total} arrays loaded"
        return "\n".join([head, *self.differences()])

    def differences(self) -> list[str]:
        """One line for each kind of array that was not loaded, with names."""
        missing = [self.both(path) for path in self.missing]
        wrong = [
            f"{self.both(path)} has {theirs} in the file, the model needs {ours}"
            for path, ours, theirs in self.wrong_shape
        ]
        lines = (
            ("missing (in the model, not in the file)", missing),
            ("unexpected (in the file, not in the model)", self.unexpected),
            ("of a wrong shape", wrong),
            ("skipped", [self.both(path) for path in self.skipped]),
            ("of a head (in the file; the model has none)", self.left_out),
        )
        return [f"  {len(names)} {what}: {listed(names)}" for what, names in lines if names]

    def both(self, path: str) -> str:
        """A path, followed by its name in the file if that differs."""
        name = self.file_names[path]
        return path if name == path else f"{path} ({name})"


def listed(names: Sequence[str]) -> str:
    """The first 10 names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
