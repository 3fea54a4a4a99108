"""VGG in PyTorch, with the attributes of torchvision's."""

from torch import nn

CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """See `make`."""

    def __init__(self, convolutions, norm, channels, hidden, num_classes):
        super().__init__()
        chain, self.ends, last = [], [], 3
        for number, width in zip(convolutions, channels):
            for _ in range(number):
                chain.append(nn.Conv2d(last, width, 3, padding=1))
                if norm:
                    chain.append(nn.BatchNorm2d(width))
                chain.append(nn.ReLU())
                last = width
            chain.append(nn.MaxPool2d(2, 2))
            self.ends.append(len(chain))
        self.features = nn.Sequential(*chain)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(last * 49, hidden),
            nn.ReLU(),
            nn.Dropout(0),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(0),
            nn.Linear(hidden, num_classes),
        )

    def forward_maps(self, x):
        maps, start = {}, 0
        for stage, end in enumerate(self.ends, 1):
            maps[f"stage{stage}"] = self.features[start : end - 1](x)
            maps[f"pool{stage}"] = x = self.features[end - 1](maps[f"stage{stage}"])
            start = end
        maps["average"] = x = self.avgpool(x)
        maps["dense1"] = x = self.classifier[:3](x.flatten(1))
        maps["dense2"] = x = self.classifier[3:6](x)
        maps["logits"] = self.classifier[6](x)
        return maps


def make(depth=11, *, norm=False, channels=(64, 128, 256, 512, 512), hidden=4096, num_classes=10):
    """A VGG of 11, 13, 16 or 19 layers, without dropout."""
    return VGG(CONVOLUTIONS[depth], norm, channels, hidden, num_classes)
