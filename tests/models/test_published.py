"""The published numbers of every network, all digits: parameters, multiply-adds, what units see.

References:
    Araujo, Norris and Sim, *Computing receptive fields of convolutional neural networks*, Distill,
    2019. The papers and torchvision's documentation for parameters and multiply-adds.
"""

from functools import cache

import pytest

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.analysis import summarize
from cnn_jax.models.blocks import Style

from .networks import abstract

# Parameters, and multiply-adds in units of the last digit: padded taps among them, biases not.
SIZES = {
    "alexnet": (61_100_840, 0.714),
    "vgg11": (132_863_336, 7.609),
    "vgg13": (133_047_848, 11.308),
    "vgg16": (138_357_544, 15.470),
    "vgg19": (143_667_240, 19.632),
    "vgg11_bn": (132_868_840, 7.609),
    "vgg13_bn": (133_053_736, 11.308),
    "vgg16_bn": (138_365_992, 15.470),
    "vgg19_bn": (143_678_248, 19.632),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
}
PAPER = {"resnet50": 3.858, "resnet101": 7.570, "resnet152": 11.282}  # stride on the 1x1
CIFAR = {  # shortcut A, shortcut B, multiply-adds in millions
    "resnet20": (269_722, 272_474, 40.6),
    "resnet32": (464_154, 466_906, 68.9),
    "resnet44": (658_586, 661_338, 97.2),
    "resnet56": (853_018, 855_770, 125.5),
    "resnet110": (1_727_962, 1_730_714, 252.9),
}


@cache
def summary(make, size=(224, 224, 3), **options):
    model = abstract(make, **options)
    model.eval()
    return summarize(model.feature_maps, (1, *size))


def ends(make, size=(224, 224, 3), **options):
    """Field, stride and padding of each feature map that has spatial axes, alike on all of them."""
    found = {}
    for name, output in summary(make, size, **options).outputs.items():
        seen = {(axis.size, axis.stride, axis.padding) for axis in output.field}
        assert len(seen) == 1, name
        found[name] = seen.pop()
    return found


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_multiply_adds(name):
    parameters, gigas = SIZES[name]
    found = summary(getattr(models, name))
    assert found.parameters == parameters
    assert round(found.macs / 1e9, 3) == gigas
    assert sum(row.macs for row in found.rows) == found.macs
    assert sum(row.parameters for row in found.rows) == parameters


@pytest.mark.parametrize("name", PAPER)
def test_multiply_adds_of_the_paper_with_the_stride_on_the_1x1(name):
    found = summary(getattr(models, name), stride_on="1x1")
    assert (found.parameters, round(found.macs / 1e9, 3)) == (SIZES[name][0], PAPER[name])


@pytest.mark.parametrize("name", CIFAR)
def test_cifar(name):
    plain, projected, millions = CIFAR[name]
    found = summary(getattr(models, name), (32, 32, 3))
    assert (found.parameters, round(found.macs / 1e6, 1)) == (plain, millions)
    assert summary(getattr(models, name), (32, 32, 3), shortcut="B").parameters == projected


def test_lenet():
    found = summary(models.lenet, (32, 32, 1), input_size=32)
    counts = {row.name: row.parameters for row in found.rows if row.parameters}
    assert list(counts) == ["conv1", "conv2", "dense1", "dense2", "logits"]
    assert list(counts.values()) == [156, 2_416, 48_120, 10_164, 850]
    assert (found.parameters, found.macs) == (61_706, 416_520)


@pytest.mark.parametrize(
    ("options", "parameters", "gigas"),
    [({"groups": 2}, 60_965_224, 0.724), ({"groups": 1}, 62_378_344, 1.135)],
)
def test_alexnet_of_2012(options, parameters, gigas):
    found = summary(models.alexnet, (227, 227, 3), variant="2012", **options)
    assert (found.parameters, round(found.macs / 1e9, 3)) == (parameters, gigas)


def test_lenet1998_and_mnist1d():
    assert summary(models.lenet1998, (32, 32, 1)).parameters == 60_000
    assert summary(models.mnist1d, (40, 1)).parameters == 2_050
    assert summary(models.mnist1d_dense, (40, 1)).parameters == 59_065


LENET = {"c1": (5, 1), "s2": (6, 2), "c3": (14, 2), "s4": (16, 4), "c5": (32, 4)}
ALEXNET = {
    "conv1": (11, 4, 0),
    "pool1": (19, 8, 0),
    "conv2": (51, 8, 16),
    "pool2": (67, 16, 16),
    "conv3": (99, 16, 32),
    "conv4": (131, 16, 48),
    "conv5": (163, 16, 64),
    "pool5": (195, 32, 64),
}


def test_fields_of_lenet_alexnet_and_mnist1d():
    found = ends(models.lenet1998, (32, 32, 1))
    assert {name: found[name][:2] for name in LENET} == LENET
    assert {found[name][2] for name in LENET} == {0}
    found = ends(models.alexnet, (227, 227, 3), variant="2012")
    assert {name: found[name] for name in ALEXNET} == ALEXNET
    assert ends(models.mnist1d, (40, 1))["conv3"] == (15, 8, 0)


def test_fields_of_vgg():
    found = ends(models.vgg16)
    fields, paddings = (6, 16, 44, 100, 212), (2, 6, 18, 42, 90)
    for i, (field, padding) in enumerate(zip(fields, paddings), 1):
        assert found[f"pool{i}"] == (field, 2**i, padding)
    others = {"vgg11": 150, "vgg13": 156, "vgg19": 268}
    for name, field in others.items():
        assert ends(getattr(models, name))["pool5"][:2] == (field, 32)


@pytest.mark.parametrize(
    ("name", "field"),
    [("resnet18", 435), ("resnet34", 899), ("resnet50", 427), ("resnet101", 971)]
    + [("resnet152", 1451)],
)
def test_fields_of_resnets(name, field):
    assert ends(getattr(models, name))["stage4"] == (field, 32, (field - 1) // 2)


@pytest.mark.parametrize(
    ("name", "field", "padding"),
    [("resnet50", 483, 239), ("resnet101", 1027, 511), ("resnet152", 1507, 751)],
)
def test_fields_of_resnets_with_the_stride_on_the_1x1(name, field, padding, monkeypatch):
    """Araujo et al. measured networks whose pool pads as "SAME": one row less in front of it."""
    make = getattr(models, name)
    assert ends(make, stride_on="1x1")["stage4"] == (field, 32, padding + 2)
    same = lambda _, x, *__: F.max_pool(x, (3, 3), stride=2, padding="SAME")  # noqa: E731
    monkeypatch.setattr(Style, "max_pool", same)
    assert ends(lambda **options: make(**options), stride_on="1x1")["stage4"] == (
        field,
        32,
        padding,
    )


@pytest.mark.parametrize(
    ("name", "field"),
    [("resnet20", 81), ("resnet32", 137), ("resnet44", 193), ("resnet56", 249), ("resnet110", 501)],
)
def test_fields_of_cifar_resnets(name, field):
    for options in ({}, {"shortcut": "B"}):
        found = ends(getattr(models, name), (32, 32, 3), **options)
        assert found["stage3"][:2] == (field, 4)
