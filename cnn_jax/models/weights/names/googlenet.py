"""The layers of `cnn_jax.models.googlenet` in torchvision's files; timm has no such network."""

from ...googlenet import CLASSIFIERS, STAGES, GoogLeNet

NETWORK = GoogLeNet

BRANCHES = {
    "one": "branch1",
    "reduce_three": "branch2.0",
    "three": "branch2.1",
    "reduce_five": "branch3.0",
    "five": "branch3.1",
    "project": "branch4.1",
}
FLATTENED = {f"{head}.dense": (128, 4, 4) for head in CLASSIFIERS.values()}


def torchvision(model: GoogLeNet) -> dict[str, str]:
    """Our layers' names in torchvision's files."""
    blocks = {name: name for name in ("conv1", "conv2", "conv3")}
    for name in STAGES:
        for ours, theirs in BRANCHES.items():
            blocks[f"inception{name}.{ours}"] = f"inception{name}.{theirs}"
    names = {"logits": "fc"}
    for head in CLASSIFIERS.values():
        blocks[f"{head}.conv"] = f"{head}.conv"
        names |= {f"{head}.dense": f"{head}.fc1", f"{head}.logits": f"{head}.fc2"}
    for ours, theirs in blocks.items():
        names |= {f"{ours}.conv": f"{theirs}.conv", f"{ours}.norm": f"{theirs}.bn"}
    return names
