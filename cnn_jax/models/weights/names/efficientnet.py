"""The layers of `cnn_jax.models.efficientnet`.

In squeeze and excitation the files have 1x1 convolutions where our layers are dense.
"""

from collections.abc import Iterator

from ...efficientnet import Block, EfficientNet

NETWORK = EfficientNet

Named = dict[str, str | tuple[str, tuple[int, ...]]]


def torchvision(model: EfficientNet) -> Named:
    """Our layers' names in torchvision's files, where blocks and their layers are numbered."""
    names = conv_norm("stem", "features.0.0", "features.0.1")
    for stage, number, block in blocks(model):
        ours, theirs = f"stage{stage}.{number}", f"features.{stage}.{number}.block"
        first = 0 if block.expand is None else 1
        layers = {"expand": 0, "depthwise": first, "project": first + 2}
        for layer, place in layers.items():
            names |= conv_norm(f"{ours}.{layer}", f"{theirs}.{place}.0", f"{theirs}.{place}.1")
        names |= dense(f"{ours}.excite", block, f"{theirs}.{first + 1}", ("fc1", "fc2"))
    head = f"features.{model.depth + 1}"
    return names | conv_norm("head", f"{head}.0", f"{head}.1") | {"logits": "classifier.1"}


def timm(model: EfficientNet) -> Named:
    """Our layers' names in timm's files, where some depend on whether the block expands."""
    names = conv_norm("stem", "conv_stem", "bn1")
    for stage, number, block in blocks(model):
        ours, theirs = f"stage{stage}.{number}", f"blocks.{stage - 1}.{number}"
        layers = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
        if block.expand is None:
            layers = {"depthwise": "conv_dw", "project": "conv_pw"}
        for place, (layer, conv) in enumerate(layers.items(), 1):
            names |= conv_norm(f"{ours}.{layer}", f"{theirs}.{conv}", f"{theirs}.bn{place}")
        their_layers = ("conv_reduce", "conv_expand")
        names |= dense(f"{ours}.excite", block, f"{theirs}.se", their_layers)
    return names | conv_norm("head", "conv_head", "bn2") | {"logits": "classifier"}


def conv_norm(ours: str, conv: str, norm: str) -> Named:
    """The names of a convolution and its normalization."""
    return {f"{ours}.conv": conv, f"{ours}.norm": norm}


def dense(ours: str, block: Block, theirs: str, layers: tuple[str, str]) -> Named:
    """The names and shapes of the two dense layers of squeeze and excitation."""
    reduce, expand = layers
    inner, squeezed = block.excite.reduce.in_features, block.excite.reduce.out_features
    return {
        f"{ours}.reduce": (f"{theirs}.{reduce}", (squeezed, inner, 1, 1)),
        f"{ours}.expand": (f"{theirs}.{expand}", (inner, squeezed, 1, 1)),
    }


def blocks(model: EfficientNet) -> Iterator[tuple[int, int, Block]]:
    """For each block: its stage, its number in the stage, and the block."""
    for stage in range(1, model.depth + 1):
        for number, block in enumerate(getattr(model, f"stage{stage}").layers):
            yield stage, number, block
