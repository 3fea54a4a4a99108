"""The layers of `cnn_jax.models.mobilenet_v2`."""

from collections.abc import Iterator

from ...mobilenet_v2 import InvertedResidual, MobileNetV2

NETWORK = MobileNetV2


def torchvision(model: MobileNetV2) -> dict[str, str]:
    """Our layers' names in torchvision's files, where blocks and their layers are numbered."""
    names, number = conv_norm("stem", "features.0.0", "features.0.1"), 0
    for number, (ours, _, block) in enumerate(blocks(model), 1):
        theirs, layer = f"features.{number}.conv", 0
        if block.expand is not None:
            names |= conv_norm(f"{ours}.expand", f"{theirs}.0.0", f"{theirs}.0.1")
            layer = 1
        names |= conv_norm(f"{ours}.depthwise", f"{theirs}.{layer}.0", f"{theirs}.{layer}.1")
        names |= conv_norm(f"{ours}.project", f"{theirs}.{layer + 1}", f"{theirs}.{layer + 2}")
    names |= conv_norm("head", f"features.{number + 1}.0", f"features.{number + 1}.1")
    return names | {"logits": "classifier.1"}


def timm(model: MobileNetV2) -> dict[str, str]:
    """Our layers' names in timm's files, where some depend on whether the block expands."""
    names = conv_norm("stem", "conv_stem", "bn1")
    for ours, theirs, block in blocks(model):
        layers = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
        if block.expand is None:
            layers = {"depthwise": "conv_dw", "project": "conv_pw"}
        for number, (layer, conv) in enumerate(layers.items(), 1):
            names |= conv_norm(f"{ours}.{layer}", f"{theirs}.{conv}", f"{theirs}.bn{number}")
    return names | conv_norm("head", "conv_head", "bn2") | {"logits": "classifier"}


def conv_norm(ours: str, conv: str, norm: str) -> dict[str, str]:
    """The names of a convolution and its normalization."""
    return {f"{ours}.conv": conv, f"{ours}.norm": norm}


def blocks(model: MobileNetV2) -> Iterator[tuple[str, str, InvertedResidual]]:
    """For each block: its path in our network, its path in timm's, and the block."""
    for stage in range(model.depth):
        for number, block in enumerate(getattr(model, f"stage{stage + 1}").layers):
            yield f"stage{stage + 1}.{number}", f"blocks.{stage}.{number}", block
