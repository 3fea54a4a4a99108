"""The layers of `cnn_jax.models.convnext`."""

from ...convnext import ConvNeXt
from . import Names

NETWORK = ConvNeXt


def torchvision(model: ConvNeXt) -> Names:
    """Our layers' names in torchvision's files, where stages and downsampling layers alternate."""
    names = {"stem.0": "features.0.0", "stem.1": "features.0.1"}
    names |= {"norm": "classifier.0", "logits": "classifier.2"}
    for stage in range(2, 5):
        for layer in (0, 1):
            names[f"downsample{stage}.{layer}"] = f"features.{2 * stage - 2}.{layer}"
    layers = {"depthwise": 0, "norm": 2, "expand": 3, "contract": 5}
    scales = {}
    for stage in range(1, 5):
        for number, block in enumerate(getattr(model, f"stage{stage}").layers):
            ours, theirs = f"stage{stage}.{number}", f"features.{2 * stage - 1}.{number}"
            for layer, place in layers.items():
                names[f"{ours}.{layer}"] = f"{theirs}.block.{place}"
            shape = (*block.layer_scale.shape, 1, 1)
            scales[f"{ours}.layer_scale"] = (f"{theirs}.layer_scale", shape)
    return names | scales


def timm(model: ConvNeXt) -> Names:
    """Our layers' names in timm's files."""
    names = {"stem.0": "stem.0", "stem.1": "stem.1", "norm": "head.norm", "logits": "head.fc"}
    for stage in range(2, 5):
        for layer in (0, 1):
            names[f"downsample{stage}.{layer}"] = f"stages.{stage - 1}.downsample.{layer}"
    layers = {"depthwise": "conv_dw", "norm": "norm", "expand": "mlp.fc1", "contract": "mlp.fc2"}
    layers |= {"layer_scale": "gamma"}
    for stage in range(1, 5):
        for number, _ in enumerate(getattr(model, f"stage{stage}").layers):
            for layer, name in layers.items():
                names[f"stage{stage}.{number}.{layer}"] = (
                    f"stages.{stage - 1}.blocks.{number}.{name}"
                )
    return names
