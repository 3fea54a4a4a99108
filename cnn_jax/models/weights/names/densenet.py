"""The layers of `cnn_jax.models.densenet`; torchvision and timm agree on them.

The files that torchvision publishes have older names than its networks: norm.1 for norm1, and so
on. The state_dict of a network that has loaded such a file has today's names, like timm's files.
Neither library has layers without a 1x1 convolution: those of densenet21 have no names here.
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
        for number, layer in enumerate(getattr(model, f"block{block}").layers):
            if layer.reduce is None:
                continue
            ours = f"block{block}.{number}"
            theirs = f"features.denseblock{block}.denselayer{number + 1}"
            names[f"{ours}.norm"] = f"{theirs}.norm1"
            names[f"{ours}.reduce.conv"] = f"{theirs}.conv1"
            names[f"{ours}.reduce.norm"] = f"{theirs}.norm2"
            names[f"{ours}.conv"] = f"{theirs}.conv2"
        if block < 4:
            for part in ("norm", "conv"):
                names[f"transition{block}.{part}"] = f"features.transition{block}.{part}"
    return names


timm = torchvision
