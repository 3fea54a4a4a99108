"""ResNet, ResNeXt and Wide ResNet in PyTorch, with the attributes of torchvision's."""

from torch import nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class Block(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1, and what they are added to."""

    def __init__(self, channels, widths, stride, groups):
        super().__init__()
        windows = (1, 3, 1) if len(widths) == 3 else (3, 3)
        strides = (1, stride, 1) if len(widths) == 3 else (stride, 1)
        last = channels
        for i, (width, k, s) in enumerate(zip(widths, windows, strides), 1):
            split = groups if len(widths) == 3 and k == 3 else 1
            convolution = nn.Conv2d(last, width, k, s, k // 2, groups=split, bias=False)
            setattr(self, f"conv{i}", convolution)
            setattr(self, f"bn{i}", nn.BatchNorm2d(width))
            last = width
        self.depth = len(widths)
        self.downsample = None
        if stride > 1 or channels != last:
            short = nn.Conv2d(channels, last, 1, stride, bias=False)
            self.downsample = nn.Sequential(short, nn.BatchNorm2d(last))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y.relu() if i < self.depth else y
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    """See `make`."""

    def __init__(self, blocks, bottleneck, groups, width, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for stage, number in enumerate(blocks):
            inner = groups * width * 2**stage
            widths = (inner, inner, 256 * 2**stage) if bottleneck else (inner, inner)
            chain = []
            for block in range(number):
                chain.append(Block(channels, widths, 2 if stage and not block else 1, groups))
                channels = widths[-1]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*chain))
        self.fc = nn.Linear(channels, num_classes)

    def forward_maps(self, x):
        maps = {}
        maps["stem"] = self.bn1(self.conv1(x)).relu()
        maps["pool"] = x = nn.functional.max_pool2d(maps["stem"], 3, 2, 1)
        for stage in range(1, 5):
            maps[f"stage{stage}"] = x = getattr(self, f"layer{stage}")(x)
        maps["features"] = x.mean((2, 3))
        maps["logits"] = self.fc(maps["features"])
        return maps


def make(depth=18, *, groups=1, width=64, num_classes=10):
    """A ResNet of 18, 34, 50 or 101 layers."""
    return ResNet(BLOCKS[depth], depth >= 50, groups, width, num_classes)
