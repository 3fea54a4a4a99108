"""What a section of the page is: a module with a claim, and a function that shows it."""

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cnn_jax import pages


@dataclass(frozen=True)
class Section:
    """One claim, or a few that belong together.

    Args:
        name: of its module; for ``--section``, and the anchor on the page.
        title: the first line of the module's docstring.
        claim: the rest of it.
        show: computes all that is shown, and returns it as parts of a page.
        to_try: what a reader may change.
        reference: where the claim is from.
        depends: tells on what it depends besides code, such as the runs that it shows.
    """

    name: str
    title: str
    claim: str
    show: Callable[[], Sequence[pages.Part | str]]
    to_try: str
    reference: str
    depends: Callable[[], str] = str

    @classmethod
    def of(cls, module: ModuleType) -> "Section":
        """Read a section from its module: a docstring, `show`, `TRY`, `REFERENCE`, `depends`."""
        title, _, claim = (module.__doc__ or "").strip().partition("\n\n")
        name = module.__name__.rpartition(".")[2]
        claim = " ".join(claim.split())
        said = name, title.rstrip("."), claim, module.show, module.TRY, module.REFERENCE
        return cls(*said, getattr(module, "depends", str))

    def parts(self) -> list[pages.Part | str]:
        """Compute the section: its claim, what shows it, what to try, and the reference."""
        return [self.claim, *self.below()]

    def below(self) -> list[pages.Part | str]:
        """Compute what stands below the claim."""
        about = {"Try": self.to_try, "Reference": self.reference}
        return [*self.show(), pages.facts(about)]


def shown(module: ModuleType) -> str:
    """Compute the section of a module: the HTML of what stands below its claim, for a notebook."""
    return "\n".join(map(pages.part, Section.of(module).below()))


def code(*functions: Callable[..., Any]) -> pages.Part:
    """The source of functions that the section calls, without their docstrings.

    Example:
        >>> def doubled(x):
        ...     "Twice as much."
        ...     return 2 * x
        >>> print(_source(doubled))
        def doubled(x):
            return 2 * x
    """
    return pages.code("\n\n\n".join(map(_source, functions)))


def _source(function: Callable[..., Any]) -> str:
    function = inspect.unwrap(function)
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    while not lines[0].startswith("def "):  # a decorator
        lines.pop(0)
    docstring = function.__doc__
    if docstring:
        end = next(i for i, line in enumerate(lines) if line.endswith(":"))
        length = len(docstring.splitlines())
        del lines[end + 1 : end + 1 + length]
    return "\n".join(lines)


def numbers(values: Mapping[str, Any]) -> pages.Part:
    """The numbers that a section came to, by what they are."""
    return pages.facts({name: _shown(value) for name, value in values.items()})


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
