"""ConvNeXt in PyTorch, with the attributes of torchvision's."""

import torch
from torch import nn

SIZES = {  # blocks and channels of the stages; Liu et al. 2022, section 3
    "tiny": ((3, 3, 9, 3), 96),
    "small": ((3, 3, 27, 3), 96),
    "base": ((3, 3, 27, 3), 128),
    "large": ((3, 3, 27, 3), 192),
}


class Behind(nn.Module):
    """Moves the channels behind the spatial axes."""

    def forward(self, x):
        return x.movedim(1, -1)


class Norm(nn.LayerNorm):
    """Normalizes over the second axis, the channels."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Block(nn.Module):
    """A 7x7 convolution of each channel, then two dense layers at each position."""

    def __init__(self, channels):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
            Behind(),
            nn.LayerNorm(channels, eps=1e-6),
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
        )
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), 1e-6))

    def forward(self, x):
        return x + self.layer_scale * self.block(x).movedim(-1, 1)


class ConvNeXt(nn.Module):
    """See `make`."""

    def __init__(self, blocks, channels, num_classes):
        super().__init__()
        stem = nn.Conv2d(3, channels, 4, 4)
        layers = [nn.Sequential(stem, Norm(channels, eps=1e-6))]
        for stage, number in enumerate(blocks):
            if stage:
                halves = nn.Conv2d(channels, 2 * channels, 2, 2)
                layers.append(nn.Sequential(Norm(channels, eps=1e-6), halves))
                channels *= 2
            layers.append(nn.Sequential(*(Block(channels) for _ in range(number))))
        self.features = nn.Sequential(*layers)
        norm = nn.LayerNorm(channels, eps=1e-6)
        self.classifier = nn.Sequential(norm, nn.Identity(), nn.Linear(channels, num_classes))

    def forward_maps(self, x):
        names = ["stem", "stage1"]
        for stage in (2, 3, 4):
            names += [f"downsample{stage}", f"stage{stage}"]
        maps = {}
        for name, layer in zip(names, self.features, strict=True):
            x = maps[name] = layer(x)
        maps["features"] = self.classifier[0](x.mean((2, 3)))
        maps["logits"] = self.classifier[2](maps["features"])
        return maps


def make(size="tiny", *, num_classes=10):
    """ConvNeXt tiny, small, base or large, without stochastic depth."""
    return ConvNeXt(*SIZES[size], num_classes)
