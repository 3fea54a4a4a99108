"""The layers of `cnn_jax.models.densenet`; torchvision and timm agree on them.

The files that torchvision publishes have older names than its networks: norm.1 for norm1, and so
on. The state_dict of a network that has loaded such a file has today's names, like timm's files.
"""

import re

from ...densenet import DenseNet

NETWORK = DenseNet

OLDER = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.(?=[12]\.)")


def torchvision(model: DenseNet) -> dict[str, str]:
    """Our layers' names in torchvision's files."""
    names = {
        "stem.conv": "features.conv0",
        "stem.norm": "features.norm0",
        "norm": "features.norm5",
        "logits": "classifier",
    }
    for block in range(1, 5):
        for number, _ in enumerate(getattr(model, f"block{block}").layers):
            ours = f"block{block}.{number}"
            theirs = f"features.denseblock{block}.denselayer{number + 1}"
            names[f"{ours}.norm"] = f"{theirs}.norm1"
            names[f"{ours}.reduce.conv"] = f"{theirs}.conv1"
            names[f"{ours}.reduce.norm"] = f"{theirs}.norm2"
            names[f"{ours}.conv"] = f"{theirs}.conv2"
        if block < 4:
            for layer in ("norm", "conv"):
                names[f"transition{block}.{layer}"] = f"features.transition{block}.{layer}"
    return names


timm = torchvision
