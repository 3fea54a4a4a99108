"""GoogLeNet in PyTorch, with the attributes of torchvision's."""

import torch
from torch import nn

# Channels of 1x1; 1x1, 3x3; 1x1, 5x5 (3x3 here); behind the pool. Szegedy et al. 2014, table 1.
WIDTHS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class Layer(nn.Module):
    """A convolution, batch normalization and ReLU."""

    def __init__(self, channels, width, window, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, window, stride, window // 2, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Inception(nn.Module):
    """Four branches, one behind another."""

    def __init__(self, channels, widths):
        super().__init__()
        a, b, c, d, e, f = widths
        self.branch1 = Layer(channels, a, 1)
        self.branch2 = nn.Sequential(Layer(channels, b, 1), Layer(b, c, 3))
        self.branch3 = nn.Sequential(Layer(channels, d, 1), Layer(d, e, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Layer(channels, f, 1))
        self.width = a + c + e + f

    def forward(self, x):
        return torch.cat([getattr(self, f"branch{i}")(x) for i in (1, 2, 3, 4)], 1)


class Classifier(nn.Module):
    """The auxiliary one."""

    def __init__(self, channels, num_classes):
        super().__init__()
        self.conv = Layer(channels, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x):
        x = self.conv(nn.functional.adaptive_avg_pool2d(x, 4))
        return self.fc2(self.fc1(x.flatten(1)).relu())


class GoogLeNet(nn.Module):
    """See `make`."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = Layer(3, 64, 7, 2)
        self.conv2 = Layer(64, 64, 1)
        self.conv3 = Layer(64, 192, 3)
        channels = 192
        for name, widths in WIDTHS.items():
            block = Inception(channels, widths)
            setattr(self, f"inception{name}", block)
            channels = block.width
        self.aux1 = Classifier(512, num_classes)
        self.aux2 = Classifier(528, num_classes)
        self.fc = nn.Linear(channels, num_classes)

    def forward_maps(self, x):
        maps = {}

        def pooled(x, window):
            return nn.functional.max_pool2d(x, window, 2, ceil_mode=True)

        maps["conv1"] = self.conv1(x)
        maps["pool1"] = pooled(maps["conv1"], 3)
        maps["conv2"] = self.conv2(maps["pool1"])
        maps["conv3"] = self.conv3(maps["conv2"])
        maps["pool2"] = x = pooled(maps["conv3"], 3)
        for name in WIDTHS:
            x = maps[f"inception{name}"] = getattr(self, f"inception{name}")(x)
            if name == "3b":
                maps["pool3"] = x = pooled(x, 3)
            elif name == "4e":
                maps["pool4"] = x = pooled(x, 2)
        if self.training:
            maps["aux1"] = self.aux1(maps["inception4a"])
            maps["aux2"] = self.aux2(maps["inception4d"])
        maps["features"] = x.mean((2, 3))
        maps["logits"] = self.fc(maps["features"])
        return maps


def make(*, num_classes=10):
    """A GoogLeNet with its two auxiliary classifiers, without dropout."""
    return GoogLeNet(num_classes)
