"""The layers of `cnn_jax.models.alexnet`, which timm does not have."""

from ...alexnet import AlexNet

NETWORK = AlexNet

FLATTENED = {"dense1": (256, 6, 6)}


def torchvision(model: AlexNet) -> dict[str, str]:
    """Our layers' names in torchvision's files."""
    return {
        "conv1": "features.0",
        "conv2": "features.3",
        "conv3": "features.6",
        "conv4": "features.8",
        "conv5": "features.10",
        "dense1": "classifier.1",
        "dense2": "classifier.4",
        "logits": "classifier.6",
    }
