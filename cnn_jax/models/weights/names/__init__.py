"""What torchvision and timm call the layers of our networks: one file for each architecture.

Each file says the class of the network, `NETWORK`, and has functions of such a network,
`torchvision` and `timm`, named for whose names they give. They return a dict from our layers (by
path, such as ``stage1.0.conv1.conv``) to theirs, such as ``layer1.0.conv1``. The arrays of a layer
follow: our kernel and scale are their weight; our bias, mean and var are their bias, running_mean
and running_var. A parameter that belongs to no layer has an entry of its own, by its full path, and
keeps its layout. Where their weight (or that parameter) has another shape than ours with the
channels moved to the front, such as (channels, 1, 1) for (channels,), the entry is a pair: name,
shape.

A file may have two more entries. `FLATTENED` holds the dense layers that see a flattened feature
map, with the map's channels, height and width: PyTorch flattens a map with its channels first. In a
narrower network of the same kind there may be fewer channels. `OLDER` is a pattern in the names of
older files; today's names have what its first group matches in place of the whole match.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

Names = Mapping[str, str | tuple[str, tuple[int, ...]]]


def published(model: object) -> ModuleType | None:
    """The file here for the class of `model`, or for one that it is derived from; None if none."""
    return next((by_class()[cls] for cls in type(model).__mro__ if cls in by_class()), None)


@cache
def by_class() -> dict[type, ModuleType]:
    """The files here, by the class of the networks whose names they have."""
    names = sorted(module.name for module in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return {module.NETWORK: module for module in modules}
