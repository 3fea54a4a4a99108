"""The layers of `cnn_jax.models.vgg`."""

from ...vgg import VGG
from . import Names

NETWORK = VGG

FLATTENED = {"dense1": (512, 7, 7)}


def torchvision(model: VGG) -> dict[str, str]:
    """Our layers' names in torchvision's files."""
    dense = {"dense1": "classifier.0", "dense2": "classifier.3", "logits": "classifier.6"}
    return features(model) | dense


def timm(model: VGG) -> Names:
    """Our layers' names in timm's files, where the hidden dense layers are convolutions."""
    names = {"dense1": "pre_logits.fc1", "dense2": "pre_logits.fc2", "logits": "head.fc"}
    if model.num_classes is None:
        return features(model) | names
    inputs, hidden = model.dense1.in_features, model.dense1.out_features
    shapes = {"dense1": (hidden, inputs // 49, 7, 7), "dense2": (hidden, hidden, 1, 1)}
    return features(model) | names | {name: (names[name], shapes[name]) for name in shapes}


def features(model: VGG) -> dict[str, str]:
    """The names of convolutions and normalizations; the numbers count activations and pools too."""
    names, number = {}, 0
    for stage in range(1, 6):
        for layer in range(len(getattr(model, f"stage{stage}").layers)):
            names[f"stage{stage}.{layer}.conv"] = f"features.{number}"
            names[f"stage{stage}.{layer}.norm"] = f"features.{number + 1}"
            number += 2 if model.style.norm == "none" else 3
        number += 1
    return names
