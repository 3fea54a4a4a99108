"""What torchvision and timm call the layers of our networks: one file for each file of networks.

Each holds functions of a network, `torchvision` and `timm`, named for whose names they give. They
return, for each layer of ours (by its path, such as ``stage1.0.conv1.conv``), theirs, such as
``layer1.0.conv1``. The arrays of a layer follow: our kernel and scale are their weight; our bias,
mean and var their bias, running_mean and running_var. A parameter that is no layer's has an entry
of its own, by its full path, and keeps its layout. Where their weight (or that parameter) has
another shape than ours has with its channels moved to the front, such as (channels, 1, 1) for
(channels,), the entry is the pair of name and shape.

`FLATTENED`, where it is, holds the dense layers behind a flattened feature map, with the map's
channels, height and width: PyTorch flattens a map with its channels first. In a narrower network of
the same kind there may be fewer channels.

`OLDER`, where it is, is a pattern in the names of older files; what its first group matches is what
the names of today have in its place.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

Names = Mapping[str, str | tuple[str, tuple[int, ...]]]


def published(model: object) -> ModuleType | None:
    """The file here that is called like the one where the class of `model` is, if there is one."""
    for cls in type(model).__mro__:
        package, _, file = cls.__module__.rpartition(".")
        if package == "cnn_jax.models" and file in files():
            return import_module(f"{__name__}.{file}")
    return None


def files() -> list[str]:
    """The files of networks that have published names."""
    return sorted(module.name for module in iter_modules(__path__))
