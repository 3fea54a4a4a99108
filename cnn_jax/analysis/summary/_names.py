"""Name the rows after the modules of their parameters."""

import re
from collections import Counter
from collections.abc import Sequence

from ..program import Parameter


class Groups:
    """The module of each parameter, by path.

    The names of Linen's collections (``params``, ``batch_stats``) are left out, so that the arrays
    of a module are together. A module with nothing trainable counts as the module around it.
    """

    def __init__(self, parameters: Sequence[Parameter]):
        self._collections = any(p.path.startswith("params.") for p in parameters)
        self._modules: dict[str, str] = {}
        learning = {self._parent(p.path) for p in parameters if p.trainable}
        for parameter in parameters:
            module = self._parent(parameter.path)
            self._modules[parameter.path] = self._around(module, learning)

    def of(self, parameter: Parameter) -> str:
        """The module of a parameter."""
        return self._modules[parameter.path]

    def without_collection(self, path: str) -> str:
        """The path without the name of a Linen collection."""
        return path.partition(".")[2] if self._collections else path

    def _parent(self, path: str) -> str:
        return self.without_collection(path).rpartition(".")[0]

    def _around(self, module: str, learning: set[str]) -> str:
        if module in learning:
            return module
        outer = module
        while outer := outer[: max(outer.rfind("."), outer.rfind("/"), 0)].rstrip("/~."):
            if outer in learning:
                return outer
        return module


def shortened(path: str) -> str:
    """A module's path without the ``layers`` that every `nnx.Sequential` adds."""
    return re.sub(r"\.layers\.(?=\d)", ".", path)


def named(operations: Sequence[str], modules: Sequence[str], scopes: Sequence[str]) -> list[str]:
    """Name each row by its module, or else by its scope and operation with a number.

    Args:
        operations: what each row does.
        modules: the path of the module of each row's parameters, "" for none.
        scopes: the named scopes around each row.
    """
    names, numbers = [], Counter()
    root = _root(scopes)
    for operation, module, scope in zip(operations, modules, scopes):
        if module:
            names.append(shortened(module))
            continue
        inside = [part for part in scope.split("/") if part and not set("(.") & set(part)]
        prefix = ".".join(inside[1:] if root and inside[:1] == [root] else inside)
        words = operation.replace(" ", "_")
        name = f"{prefix}.{words}" if prefix else words
        numbers[name] += 1
        names.append(f"{name}_{numbers[name]}")
    return names


def _root(scopes: Sequence[str]) -> str:
    """The scope around all rows, such as Linen's outermost module; "" if there is none."""
    first = {scope.split("/")[0] for scope in scopes}
    return first.pop() if len(first) == 1 else ""
