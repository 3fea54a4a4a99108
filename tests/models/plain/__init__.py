"""Every network written a second time, plainly, from its published table.

One file for each architecture. It holds

    SIZE      the spatial lengths and channels of an image
    OPTIONS   a list of keyword arguments for the two functions; the first are the usual ones
    LAST      the feature map that the network ends with if it has no head
    HEAD      the layers that it does not have then; none if it maps images to images
    small     makes a small network of `cnn_jax.models`
    forward   computes its feature maps with NumPy in float64, from its parameters and images

`forward` shares no code with the library: it reads like the table at the top of the network's file,
and knows the number of blocks and the sizes of `small`. A network that is not here fails the tests.
"""

from importlib import import_module
from pkgutil import iter_modules

NETWORKS = {
    module.name: import_module(f"{__name__}.{module.name}")
    for module in iter_modules(__path__)
    if not module.name.startswith("_")
}
CLASSIFIERS = {name: network for name, network in NETWORKS.items() if network.HEAD}
