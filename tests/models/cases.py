"""One small network of each architecture: how it is made, and the size of an image."""

from .plain import NETWORKS

SMALL = {name: (network.small, network.SIZE) for name, network in NETWORKS.items()}
