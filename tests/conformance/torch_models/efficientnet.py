"""EfficientNet in PyTorch, with the attributes of torchvision's."""

import math

import torch
from torch import nn

from .mobilenet_v2 import multiple_of_8

STAGES = (  # expansion, window, stride, channels, blocks; Tan and Le 2019, table 1
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
SIZES = {  # width, depth, epsilon and momentum of torchvision's normalizations
    0: (1.0, 1.0, 1e-5, 0.1),
    1: (1.0, 1.1, 1e-5, 0.1),
    2: (1.1, 1.2, 1e-5, 0.1),
    5: (1.6, 2.2, 1e-3, 0.01),
}


class Excitation(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        squeezed = nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(squeezed))


class Block(nn.Module):
    """An inverted residual with squeeze and excitation; `norm` makes its normalizations."""

    def __init__(self, channels, last, expansion, window, stride, norm):
        super().__init__()
        inner = channels * expansion
        layers = [convolution(channels, inner, 1, norm)] if expansion > 1 else []
        layers.append(convolution(inner, inner, window, norm, stride, groups=inner))
        layers.append(Excitation(inner, channels // 4))
        layers.append(convolution(inner, last, 1, norm)[:2])
        self.block = nn.Sequential(*layers)
        self.adds = stride == 1 and channels == last

    def forward(self, x):
        return x + self.block(x) if self.adds else self.block(x)


def convolution(channels, last, window, norm, stride=1, groups=1):
    """A convolution without a bias, a normalization, swish."""
    conv = nn.Conv2d(channels, last, window, stride, window // 2, groups=groups, bias=False)
    return nn.Sequential(conv, norm(last), nn.SiLU())


class EfficientNet(nn.Module):
    """See `make`."""

    def __init__(self, width, depth, epsilon, momentum, num_classes):
        super().__init__()

        def norm(channels):
            return nn.BatchNorm2d(channels, eps=epsilon, momentum=momentum)

        channels = multiple_of_8(32 * width)
        layers = [convolution(3, channels, 3, norm, 2)]
        for expansion, window, stride, published, blocks in STAGES:
            last, stage = multiple_of_8(published * width), []
            for block in range(math.ceil(blocks * depth)):
                step = 1 if block else stride
                stage.append(Block(channels, last, expansion, window, step, norm))
                channels = last
            layers.append(nn.Sequential(*stage))
        layers.append(convolution(channels, 4 * channels, 1, norm))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(4 * channels, num_classes))

    def forward_maps(self, x):
        names = ("stem", *(f"stage{stage}" for stage in range(1, 8)), "head")
        maps = {}
        for name, layer in zip(names, self.features, strict=True):
            x = maps[name] = layer(x)
        maps["features"] = x.mean((2, 3))
        maps["logits"] = self.classifier(maps["features"])
        return maps


def make(size=0, *, num_classes=10):
    """EfficientNet-B0, B1, B2 or B5, without dropout and stochastic depth."""
    return EfficientNet(*SIZES[size], num_classes)
