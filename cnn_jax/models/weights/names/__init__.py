"""The names of our networks' layers in torchvision and timm: one file for each architecture.

Each file defines `NETWORK`, the class of the network, and one or both of the functions
`torchvision` and `timm`. Given a network, they return a dict from the paths of our layers, such as
``stage1.0.conv1.conv``, to the names of theirs, such as ``layer1.0.conv1``. The names of a layer's
arrays follow from that: our kernel and scale are their weight; our bias, mean and var are their
bias, running_mean and running_var. A parameter outside of any layer has an entry of its own, by its
full path, and keeps its layout. Their weight normally has the shape of ours with the channels moved
to the front. If its shape (or that parameter's) differs, such as (channels, 1, 1) for (channels,),
the entry is a pair: name, shape.

A file may define two more names. `FLATTENED` maps each dense layer whose input is a flattened
feature map to the map's channels, height and width: PyTorch flattens the map channels first. A
narrower network of the same kind may have fewer channels. `OLDER` is a regular expression for names
in older files: its first group in place of the whole match gives today's name.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

Names = Mapping[str, str | tuple[str, tuple[int, ...]]]


def published(model: object) -> ModuleType | None:
    """The file for the class of `model` or its nearest base class with a file; None if none has."""
    return next((by_class()[cls] for cls in type(model).__mro__ if cls in by_class()), None)


@cache
def by_class() -> dict[type, ModuleType]:
    """The files of this folder by their `NETWORK`."""
    names = sorted(module.name for module in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return {module.NETWORK: module for module in modules}
