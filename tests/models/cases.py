"""One small network of each architecture: how it is made, and the size of an image."""

from dataclasses import replace
from functools import partial

from cnn_jax import models
from cnn_jax.models.alexnet import VARIANTS as ALEXNETS
from cnn_jax.models.c3d import Variant as C3DVariant
from cnn_jax.models.cifar_resnet import Style as CifarStyle
from cnn_jax.models.cifar_resnet import Variant as CifarVariant
from cnn_jax.models.convnext import Style as ConvNeXtStyle
from cnn_jax.models.convnext import Variant as ConvNeXtVariant
from cnn_jax.models.densenet import Style as DenseNetStyle
from cnn_jax.models.densenet import Variant as DenseNetVariant
from cnn_jax.models.efficientnet import Style as EfficientNetStyle
from cnn_jax.models.efficientnet import Variant as EfficientNetVariant
from cnn_jax.models.googlenet import Style as GoogLeNetStyle
from cnn_jax.models.googlenet import Variant as GoogLeNetVariant
from cnn_jax.models.mobilenet_v2 import Stage
from cnn_jax.models.mobilenet_v2 import Style as MobileNetStyle
from cnn_jax.models.mobilenet_v2 import Variant as MobileNetVariant
from cnn_jax.models.nin import Variant as NiNVariant
from cnn_jax.models.resnet import Style as ResNetStyle
from cnn_jax.models.resnet import Variant as ResNetVariant
from cnn_jax.models.vgg import Style as VGGStyle
from cnn_jax.models.vgg import Variant as VGGVariant
from cnn_jax.models.wide_resnet import Style as WideStyle
from cnn_jax.models.wide_resnet import Variant as WideVariant


def alexnet(*, dtype=None, rngs):
    variant = replace(ALEXNETS["2012"], channels=(8, 16, 12, 12, 8), hidden=16)
    return models.AlexNet(variant, 5, 2, 2, 0.0, dtype, rngs)


def c3d(*, dtype=None, rngs):
    variant = C3DVariant(((4,), (4,), (6, 6), (6,), (8,)), hidden=12)
    return models.C3D(variant, (16, 16, 16, 2), 5, "batch", 0.0, dtype, rngs)


def cifar_resnet(*, dtype=None, rngs):
    style = CifarStyle(stochastic_depth=0.2, dtype=dtype)
    return models.CifarResNet(CifarVariant(1, width=4), 5, 2, style, rngs)


def convnext(*, dtype=None, rngs):
    variant = ConvNeXtVariant((1, 1, 2, 1), (4, 6, 8, 10), 0.1)
    style = ConvNeXtStyle(layer_scale=0.5, stochastic_depth=0.1, dtype=dtype)
    return models.ConvNeXt(variant, 5, 2, style, rngs)


def densenet(*, dtype=None, rngs):
    variant = DenseNetVariant((1, 2, 1, 1), growth=4, stem=8)
    return models.DenseNet(variant, 5, 2, DenseNetStyle(dtype=dtype), rngs)


def efficientnet(*, dtype=None, rngs):
    stages = ((3, 1, 8, 1, 1), (3, 6, 8, 1, 2), (5, 6, 16, 2, 2))
    variant = EfficientNetVariant(0.5, 1.0, 0.0, stages=stages)
    return models.EfficientNet(variant, 5, 2, EfficientNetStyle(dtype=dtype), rngs)


def googlenet(*, dtype=None, rngs):
    variant = GoogLeNetVariant((4, 8), ((4, 4, 6, 2, 4, 2),) * 9, auxiliary=(4, 8))
    return models.GoogLeNet(variant, 5, 2, GoogLeNetStyle(dropout=0.0, dtype=dtype), rngs)


def mobilenet_v2(*, dtype=None, rngs):
    stages = (Stage(1, 8, 1, 1), Stage(6, 8, 2, 2), Stage(6, 12, 1, 2))
    variant = MobileNetVariant(8, stages, 16)
    return models.MobileNetV2(variant, 5, 2, MobileNetStyle(dtype=dtype), rngs)


def nin(*, dtype=None, rngs):
    return models.NiN(NiNVariant((4, 6, 8)), 5, 2, "none", 0.0, dtype, rngs)


def resnet(*, dtype=None, rngs):
    variant = ResNetVariant((1, 2, 1, 1), groups=2, width=4)
    return models.ResNet(variant, 5, 2, ResNetStyle(stochastic_depth=0.2, dtype=dtype), rngs)


def vgg(*, dtype=None, rngs):
    variant = VGGVariant((1, 1, 2, 1, 1), (4, 6, 8, 8, 8), hidden=16)
    return models.VGG(variant, 5, 2, VGGStyle(norm="batch", dtype=dtype), 0.0, rngs)


def wide_resnet(*, dtype=None, rngs):
    style = WideStyle(dropout=0.1, dtype=dtype)
    return models.WideResNet(WideVariant(1, width=8), 5, 2, style, rngs)


SMALL = {
    "alexnet": (alexnet, (75, 75, 2)),
    "c3d": (c3d, (16, 16, 16, 2)),
    "cifar_resnet": (cifar_resnet, (16, 16, 2)),
    "convnext": (convnext, (32, 32, 2)),
    "densenet": (densenet, (32, 32, 2)),
    "efficientnet": (efficientnet, (32, 32, 2)),
    "googlenet": (googlenet, (32, 32, 2)),
    "lenet": (models.lenet, (28, 28, 1)),
    "lenet1998": (models.lenet1998, (32, 32, 1)),
    "locally_connected": (
        partial(models.locally_connected, input_size=16, num_classes=5),
        (16, 16, 1),
    ),
    "mlp": (partial(models.mlp, input_size=8, widths=(16,), norm="batch"), (8, 8, 1)),
    "mnist1d": (models.mnist1d, (40, 1)),
    "mobilenet_v2": (mobilenet_v2, (32, 32, 2)),
    "nin": (nin, (67, 67, 2)),
    "resnet": (resnet, (32, 32, 2)),
    "vgg": (vgg, (32, 32, 2)),
    "wide_resnet": (wide_resnet, (16, 16, 2)),
    "wavenet": (
        partial(models.wavenet, num_classes=5, in_channels=3, stacks=1, layers=4, channels=6),
        (40, 3),
    ),
}
