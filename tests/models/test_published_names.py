"""Names and shapes of whole networks are torchvision's and timm's, by the hash of their lists."""

import functools
import hashlib

import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.weights import names as published_names
from cnn_jax.models.weights._places import OWN, SCHEMES, places, schemes

from .networks import abstract

# Of torchvision 0.29.2 and timm 1.0.31: how many arrays, and the hash of their names and shapes.
PUBLISHED = [
    ("alexnet", "torchvision", 16, "9b204a0e6319caba"),
    ("convnext_tiny", "timm", 182, "335fc1339013dfa3"),
    ("convnext_tiny", "torchvision", 182, "39d0e94f41cc6e25"),
    ("densenet121", "timm", 606, "9de4aad2d5fb03ee"),
    ("densenet121", "torchvision", 606, "9de4aad2d5fb03ee"),
    ("efficientnet_b0", "timm", 311, "4039fc87ba1680c2"),
    ("efficientnet_b0", "torchvision", 311, "ec10027311546760"),
    ("googlenet", "torchvision", 305, "8602570acd8b879d"),
    ("mobilenet_v2", "timm", 262, "f80c23110dfdfaab"),
    ("mobilenet_v2", "torchvision", 262, "1f27e3d93ac9d0ff"),
    ("resnet18", "timm", 102, "bd0b28d3209a171d"),
    ("resnet18", "torchvision", 102, "bd0b28d3209a171d"),
    ("resnet50", "timm", 267, "a506be68cf630f4c"),
    ("resnet50", "torchvision", 267, "a506be68cf630f4c"),
    ("resnext50_32x4d", "timm", 267, "bc48b1e31e512c70"),
    ("resnext50_32x4d", "torchvision", 267, "bc48b1e31e512c70"),
    ("vgg11", "timm", 22, "4173af41d6ab1f44"),
    ("vgg11", "torchvision", 22, "839b1d4e93d78d88"),
    ("vgg11_bn", "timm", 54, "d441158a3acc6603"),
    ("vgg11_bn", "torchvision", 54, "203f490cecc83114"),
    ("vgg16", "timm", 32, "a4ac622a768b376f"),
    ("vgg16", "torchvision", 32, "e36b43eb356035da"),
    ("wide_resnet50_2", "timm", 267, "3ace44a0831eff03"),
    ("wide_resnet50_2", "torchvision", 267, "3ace44a0831eff03"),
]


@functools.cache
def network(name):
    return abstract(getattr(models, name))


def digest(named_shapes):
    """How many names, and the hash of lines such as ``conv1.weight 64x3x7x7``, sorted."""
    lines = sorted(f"{name} {'x'.join(map(str, shape))}" for name, shape in named_shapes)
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("name", "scheme", "number", "expected"), PUBLISHED, ids=[f"{n}-{s}" for n, s, *_ in PUBLISHED]
)
def test_names_and_shapes(name, scheme, number, expected):
    found = places(network(name), scheme)
    assert digest((place.name, place.theirs) for place in found) == (number, expected)


def test_every_file_of_names_is_tested():
    assert {type(network(name)) for name, *_ in PUBLISHED} == set(published_names.by_class())


def test_names_belong_to_the_class_wherever_it_is_and_to_those_derived_from_it(monkeypatch):
    class Mine(models.ResNet):
        pass

    monkeypatch.setattr(models.ResNet, "__module__", "elsewhere.networks")
    model = network("resnet18")
    expected = places(model, "torchvision")
    assert expected[0].name != expected[0].path
    graph, state = nnx.split(model)
    mine = nnx.merge(graph, state)
    mine.__class__ = Mine
    assert places(mine, "torchvision") == expected


@pytest.mark.parametrize("name", ["lenet", "alexnet", "resnet18"])
def test_schemes(name):
    expected = {"lenet": [OWN], "alexnet": [OWN, "torchvision"], "resnet18": list(SCHEMES)}
    assert schemes(network(name)) == expected[name]
