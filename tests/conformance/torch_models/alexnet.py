"""AlexNet in PyTorch: with the attributes of torchvision's, and the network of 2012."""

from torch import nn

CHANNELS = {"2014": (64, 192, 384, 256, 256), "2012": (96, 256, 384, 384, 256)}


class AlexNet(nn.Module):
    """See `make`; 2012's normalization is a function, so that the layers keep their numbers."""

    def __init__(self, variant, groups, hidden, num_classes):
        super().__init__()
        a, b, c, d, e = CHANNELS[variant]
        self.normalized = variant == "2012"
        self.features = nn.Sequential(
            nn.Conv2d(3, a, 11, stride=4, padding=0 if self.normalized else 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2, groups=groups),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c, d, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.Conv2d(d, e, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(0),
            nn.Linear(36 * e, hidden),
            nn.ReLU(),
            nn.Dropout(0),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )

    def forward_maps(self, x):
        maps = {}
        for number, end, pool in ((1, 2, 2), (2, 5, 5), (3, 8, None), (4, 10, None), (5, 12, 12)):
            maps[f"conv{number}"] = x = self.features[end - 2 : end](x)
            if self.normalized and number < 3:
                # PyTorch's alpha is divided by the number of channels, the paper's is not.
                x = nn.functional.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
            if pool:
                maps[f"pool{number}"] = x = self.features[pool](x)
        maps["average"] = x = self.avgpool(x)
        maps["dense1"] = x = self.classifier[:3](x.flatten(1))
        maps["dense2"] = x = self.classifier[3:6](x)
        maps["logits"] = self.classifier[6](x)
        return maps


def make(variant="2014", *, groups=1, hidden=4096, num_classes=10):
    """AlexNet, without dropout."""
    return AlexNet(variant, groups, hidden, num_classes)
