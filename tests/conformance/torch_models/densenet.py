"""DenseNet in PyTorch, with the attributes of torchvision's."""

from collections import OrderedDict

import torch
from torch import nn

SIZES = {  # layers of the blocks, maps that each adds; Huang et al. 2016, table 1
    121: ((6, 12, 24, 16), 32),
    161: ((6, 12, 36, 24), 48),
    169: ((6, 12, 32, 32), 32),
    201: ((6, 12, 48, 32), 32),
}


class Layer(nn.Module):
    """What one layer adds to its input."""

    def __init__(self, channels, growth):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(self.norm1(x).relu())
        return torch.cat([x, self.conv2(self.norm2(y).relu())], 1)


class DenseNet(nn.Module):
    """See `make`."""

    def __init__(self, blocks, growth, num_classes):
        super().__init__()
        channels = 2 * growth
        parts = OrderedDict(
            conv0=nn.Conv2d(3, channels, 7, 2, 3, bias=False), norm0=nn.BatchNorm2d(channels)
        )
        for i, number in enumerate(blocks, 1):
            block = nn.Sequential()
            for j in range(number):
                block.add_module(f"denselayer{j + 1}", Layer(channels, growth))
                channels += growth
            parts[f"denseblock{i}"] = block
            if i < len(blocks):
                halves = nn.Conv2d(channels, channels // 2, 1, bias=False)
                transition = OrderedDict(norm=nn.BatchNorm2d(channels), relu=nn.ReLU(), conv=halves)
                parts[f"transition{i}"] = nn.Sequential(transition)
                channels //= 2
        parts["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(channels, num_classes)

    def forward_maps(self, x):
        parts, maps = dict(self.features.named_children()), {}
        maps["stem"] = parts["norm0"](parts["conv0"](x)).relu()
        maps["pool"] = x = nn.functional.max_pool2d(maps["stem"], 3, 2, 1)
        for i in (1, 2, 3, 4):
            x = maps[f"block{i}"] = parts[f"denseblock{i}"](x)
            if i < 4:
                x = nn.functional.avg_pool2d(parts[f"transition{i}"](x), 2)
                maps[f"transition{i}"] = x
        maps["norm"] = parts["norm5"](x).relu()
        maps["features"] = maps["norm"].mean((2, 3))
        maps["logits"] = self.classifier(maps["features"])
        return maps


def make(depth=121, *, num_classes=10):
    """A DenseNet of 121, 161, 169 or 201 layers."""
    return DenseNet(*SIZES[depth], num_classes)
