"""MobileNetV2 in PyTorch, with the attributes of torchvision's."""

from torch import nn

STAGES = (  # expansion, channels, blocks, stride; Sandler et al. 2018, table 2
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def multiple_of_8(number):
    """The nearest multiple of 8, of two equally near the upper; the next if 10 % are lost."""
    nearest = max(8, 8 * int(number / 8 + 0.5))
    return nearest + 8 if nearest < 0.9 * number else nearest


def convolution(channels, last, window, stride=1, groups=1):
    """A convolution without a bias, a normalization, ReLU6."""
    conv = nn.Conv2d(channels, last, window, stride, window // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(last), nn.ReLU6())


class Block(nn.Module):
    """An inverted residual."""

    def __init__(self, channels, last, expansion, stride):
        super().__init__()
        inner = channels * expansion
        layers = [convolution(channels, inner, 1)] if expansion > 1 else []
        layers.append(convolution(inner, inner, 3, stride, groups=inner))
        layers.append(nn.Conv2d(inner, last, 1, bias=False))
        layers.append(nn.BatchNorm2d(last))
        self.conv = nn.Sequential(*layers)
        self.adds = stride == 1 and channels == last

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """See `make`."""

    def __init__(self, width, num_classes):
        super().__init__()
        channels = multiple_of_8(32 * width)
        layers = [convolution(3, channels, 3, 2)]
        for expansion, published, blocks, stride in STAGES:
            last = multiple_of_8(published * width)
            for block in range(blocks):
                layers.append(Block(channels, last, expansion, 1 if block else stride))
                channels = last
        head = multiple_of_8(1280 * max(1, width))
        layers.append(convolution(channels, head, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(head, num_classes))

    def forward_maps(self, x):
        layers = iter(self.features)
        maps = {"stem": (x := next(layers)(x))}
        for stage, (_, _, blocks, _) in enumerate(STAGES, 1):
            for _ in range(blocks):
                x = next(layers)(x)
            maps[f"stage{stage}"] = x
        maps["head"] = next(layers)(x)
        maps["features"] = maps["head"].mean((2, 3))
        maps["logits"] = self.classifier(maps["features"])
        return maps


def make(width=1.0, *, num_classes=10):
    """A MobileNetV2 of this many times the published channels, without dropout."""
    return MobileNetV2(width, num_classes)
