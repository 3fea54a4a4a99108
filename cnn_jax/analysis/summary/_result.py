"""What `summarize` returns: its findings, and the ways to show them."""

from dataclasses import dataclass
from typing import Any

from cnn_jax import files, pages

from . import _shown
from ._records import Findings


@dataclass(frozen=True)
class Summary(Findings):
    """A network, layer by layer. Print it, or show it in a notebook.

    Attributes:
        rows: the layers in the order in which they run.
        inputs: the shapes of the data.
        outputs: by path in what the function returns, "" for a single array.
        parameters: how many trainable numbers there are.
        non_trainable: how many others, such as running means.
        macs: multiply-adds.
        macs_inside: multiply-adds without taps on padding.
        memory: estimated bytes.
        remarks: where the summary is not exact, and which parameters are not used.
        xla: XLA's own count, if it was asked for.
    """

    def __str__(self) -> str:
        return _shown.as_text(self)

    def __rich__(self) -> Any:
        return _shown.as_rich(self)

    def to_html(self) -> pages.Part:
        """The table and the lines below it, a part of a page of `cnn_jax.pages`."""
        return _shown.as_html(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_dict(self) -> dict[str, Any]:
        """The summary as dictionaries, lists, numbers and strings, as JSON has them."""
        return _shown.as_dict(self)

    def to_csv(self, path: str | None = None) -> str:
        """The rows as comma-separated values; written to `path` too, if there is one."""
        text = _shown.as_csv(self)
        if path is not None:
            files.replace(path, text)
        return text
