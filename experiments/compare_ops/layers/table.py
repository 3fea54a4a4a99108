"""The table of the layers to compare: convolutions and pools of published networks.

Batches are small enough for two CPU cores: a forward pass takes 1 to 40 ms there, except where the
built-in is slow for the layer's kind.
"""

from experiments.compare_ops.layers.layer import Layer


def _conv(network: str, name: str, x: tuple[int, ...], kernel: tuple[int, ...], **options) -> Layer:
    return Layer(network, name, "conv", x, kernel[:-2], kernel, **options)


def _max_pool(network: str, name: str, x: tuple[int, ...], size, **options) -> Layer:
    return Layer(network, name, "max_pool", x, size, **options)


def _avg_pool(network: str, name: str, x: tuple[int, ...], size, **options) -> Layer:
    return Layer(network, name, "avg_pool", x, size, **options)


# fmt: off
LENET = "LeNet-5"
ALEXNET = "AlexNet"
VGG = "VGG-16"
RESNET18 = "ResNet-18"
RESNET50 = "ResNet-50"
RESNEXT = "ResNeXt-50 32x4d"
MOBILENET = "MobileNetV2"
CONVNEXT = "ConvNeXt-T"
WAVENET = "WaveNet"
C3D = "C3D"

CONVOLUTIONS = (
    # LeCun et al. 1998.
    _conv(LENET, "conv1", (128, 28, 28, 1), (5, 5, 1, 6), padding=2, quick=True),
    _conv(LENET, "conv2", (128, 14, 14, 6), (5, 5, 6, 16)),
    _conv(LENET, "conv3", (128, 5, 5, 16), (5, 5, 16, 120)),
    # Krizhevsky et al. 2012; on one device, Krizhevsky 2014.
    _conv(ALEXNET, "conv1 11x11/4", (4, 224, 224, 3), (11, 11, 3, 64),
          stride=4, padding=2, quick=True),
    _conv(ALEXNET, "conv2 5x5", (4, 27, 27, 64), (5, 5, 64, 192), padding=2, quick=True),
    _conv(ALEXNET, "conv2 5x5, 2 groups", (4, 27, 27, 96), (5, 5, 48, 256), padding=2, groups=2),
    _conv(ALEXNET, "conv3", (8, 13, 13, 192), (3, 3, 192, 384), padding=1),
    _conv(ALEXNET, "conv5", (8, 13, 13, 256), (3, 3, 256, 256), padding=1),
    # Simonyan and Zisserman 2014.
    _conv(VGG, "conv1_1", (1, 224, 224, 3), (3, 3, 3, 64), padding=1),
    _conv(VGG, "conv1_2", (1, 224, 224, 64), (3, 3, 64, 64), padding=1),
    _conv(VGG, "conv3_2", (1, 56, 56, 256), (3, 3, 256, 256), padding=1, quick=True),
    _conv(VGG, "conv4_2", (1, 28, 28, 512), (3, 3, 512, 512), padding=1),
    _conv(VGG, "conv5_2", (2, 14, 14, 512), (3, 3, 512, 512), padding=1),
    # He et al. 2015.
    _conv(RESNET18, "conv1 7x7/2", (4, 224, 224, 3), (7, 7, 3, 64),
          stride=2, padding=3, quick=True),
    _conv(RESNET18, "conv2 3x3", (4, 56, 56, 64), (3, 3, 64, 64), padding=1, quick=True),
    _conv(RESNET18, "conv3 3x3/2", (4, 56, 56, 64), (3, 3, 64, 128), stride=2, padding=1),
    _conv(RESNET18, "conv4 3x3", (4, 14, 14, 256), (3, 3, 256, 256), padding=1),
    _conv(RESNET18, "conv5 3x3", (4, 7, 7, 512), (3, 3, 512, 512), padding=1, quick=True),
    _conv(RESNET50, "conv2 1x1, 256 to 64", (4, 56, 56, 256), (1, 1, 256, 64), quick=True),
    _conv(RESNET50, "conv2 1x1, 64 to 256", (4, 56, 56, 64), (1, 1, 64, 256)),
    _conv(RESNET50, "conv3 shortcut 1x1/2", (4, 56, 56, 256), (1, 1, 256, 512), stride=2),
    _conv(RESNET50, "conv3 3x3/2", (4, 56, 56, 128), (3, 3, 128, 128),
          stride=2, padding=1, quick=True),
    _conv(RESNET50, "conv4 1x1, 1024 to 256", (4, 14, 14, 1024), (1, 1, 1024, 256)),
    # Xie et al. 2016: 32 groups.
    _conv(RESNEXT, "conv2 3x3", (2, 56, 56, 128), (3, 3, 4, 128), padding=1, groups=32),
    _conv(RESNEXT, "conv3 3x3/2", (2, 56, 56, 256), (3, 3, 8, 256), stride=2, padding=1, groups=32),
    _conv(RESNEXT, "conv4 3x3", (2, 14, 14, 512), (3, 3, 16, 512),
          padding=1, groups=32, quick=True),
    # Sandler et al. 2018.
    _conv(MOBILENET, "stem 3x3/2", (4, 224, 224, 3), (3, 3, 3, 32), stride=2, padding=1),
    _conv(MOBILENET, "depthwise 32", (4, 112, 112, 32), (3, 3, 1, 32), padding=1, groups=32),
    _conv(MOBILENET, "1x1, 16 to 96", (4, 112, 112, 16), (1, 1, 16, 96)),
    _conv(MOBILENET, "depthwise 96 /2", (4, 112, 112, 96), (3, 3, 1, 96),
          stride=2, padding=1, groups=96, quick=True),
    _conv(MOBILENET, "depthwise 144", (4, 56, 56, 144), (3, 3, 1, 144),
          padding=1, groups=144, quick=True),
    _conv(MOBILENET, "1x1, 144 to 24", (4, 56, 56, 144), (1, 1, 144, 24)),
    _conv(MOBILENET, "depthwise 192 /2", (4, 28, 28, 192), (3, 3, 1, 192),
          stride=2, padding=1, groups=192),
    _conv(MOBILENET, "depthwise 384", (4, 14, 14, 384), (3, 3, 1, 384), padding=1, groups=384),
    _conv(MOBILENET, "depthwise 960", (4, 7, 7, 960), (3, 3, 1, 960), padding=1, groups=960),
    _conv(MOBILENET, "1x1, 320 to 1280", (16, 7, 7, 320), (1, 1, 320, 1280), quick=True),
    # Liu et al. 2022.
    _conv(CONVNEXT, "stem 4x4/4", (4, 224, 224, 3), (4, 4, 3, 96), stride=4),
    _conv(CONVNEXT, "depthwise 7x7, 96", (2, 56, 56, 96), (7, 7, 1, 96), padding=3, groups=96),
    _conv(CONVNEXT, "depthwise 7x7, 192", (2, 28, 28, 192), (7, 7, 1, 192), padding=3, groups=192),
    _conv(CONVNEXT, "depthwise 7x7, 384", (2, 14, 14, 384), (7, 7, 1, 384),
          padding=3, groups=384, quick=True),
    _conv(CONVNEXT, "depthwise 7x7, 768", (2, 7, 7, 768), (7, 7, 1, 768), padding=3, groups=768),
    _conv(CONVNEXT, "1x1, 96 to 384", (2, 56, 56, 96), (1, 1, 96, 384)),
    _conv(CONVNEXT, "downsampling 2x2/2, 96 to 192", (4, 56, 56, 96), (2, 2, 96, 192), stride=2),
    # Van den Oord et al. 2016: causal, dilated.
    _conv(WAVENET, "dilation 1", (4, 4096, 64), (2, 64, 64), padding="CAUSAL"),
    _conv(WAVENET, "dilation 2", (4, 4096, 64), (2, 64, 64), padding="CAUSAL", dilation=2),
    _conv(WAVENET, "dilation 16", (4, 4096, 64), (2, 64, 64),
          padding="CAUSAL", dilation=16, quick=True),
    _conv(WAVENET, "dilation 256", (4, 4096, 64), (2, 64, 64), padding="CAUSAL", dilation=256),
    # Tran et al. 2014: 16 frames of 112x112.
    _conv(C3D, "conv1a", (1, 16, 112, 112, 3), (3, 3, 3, 3, 64), padding=1),
    _conv(C3D, "conv4a", (1, 4, 14, 14, 256), (3, 3, 3, 256, 512), padding=1),
    _conv(C3D, "conv5a", (1, 2, 7, 7, 512), (3, 3, 3, 512, 512), padding=1, quick=True),
)

POOLS = (
    _max_pool(LENET, "max 2x2", (128, 28, 28, 6), (2, 2), stride=2, quick=True),
    _avg_pool(LENET, "avg 2x2", (128, 28, 28, 6), (2, 2), stride=2, quick=True),
    _max_pool(ALEXNET, "max 3x3/2", (8, 55, 55, 64), (3, 3), stride=2),
    _max_pool(VGG, "pool1, max 2x2", (1, 224, 224, 64), (2, 2), stride=2),
    _max_pool(VGG, "pool4, max 2x2", (4, 28, 28, 512), (2, 2), stride=2),
    _max_pool(RESNET18, "max 3x3/2, padding 1", (4, 112, 112, 64), (3, 3),
              stride=2, padding=1, quick=True),
    _avg_pool(RESNET50, "avg 7x7, global", (16, 7, 7, 2048), (7, 7)),
    _max_pool(C3D, "pool2, max 2x2x2", (1, 16, 56, 56, 128), (2, 2, 2), stride=2),
)
# fmt: on

LAYERS = CONVOLUTIONS + POOLS
