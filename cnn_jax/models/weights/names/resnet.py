"""The layers of `cnn_jax.models.resnet`; torchvision and timm agree on them."""

from ...resnet import ResNet

NETWORK = ResNet


def torchvision(model: ResNet) -> dict[str, str]:
    """Our layers' names in torchvision's files."""
    names = {"stem.conv": "conv1", "stem.norm": "bn1", "logits": "fc"}
    for stage in range(1, 5):
        for number, block in enumerate(getattr(model, f"stage{stage}").layers):
            ours, theirs = f"stage{stage}.{number}", f"layer{stage}.{number}"
            for i in range(1, len(block.windows) + 1):
                names[f"{ours}.conv{i}.conv"] = f"{theirs}.conv{i}"
                names[f"{ours}.conv{i}.norm"] = f"{theirs}.bn{i}"
            names[f"{ours}.shortcut.conv"] = f"{theirs}.downsample.0"
            names[f"{ours}.shortcut.norm"] = f"{theirs}.downsample.1"
    return names


timm = torchvision
