"""Small networks with weights, and files of arrays, for the tests of files of weights."""

import functools

import jax
import numpy as np
import safetensors.numpy
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.resnet import Variant as ResNetVariant
from cnn_jax.models.vgg import Variant as VGGVariant

from .networks import filled

KINDS = ["safetensors", "npz"]


def tiny_resnet(make=filled, *, classes=5, **options):
    variant = ResNetVariant((1, 1, 1, 1), bottleneck=False, width=2)
    return fresh(make, models.ResNet, variant, classes, 2, Style(), **options)


def tiny_vgg(make=filled, **options):
    variant = VGGVariant((1, 1, 2, 1, 1), channels=(2, 3, 4, 5, 6), hidden=7)
    return fresh(make, models.VGG, variant, 3, 2, Style(norm="batch", dropout=0.5), **options)


def fresh(make, *arguments, **options):
    """A network of its own, although it is made once."""
    graph, state = split(make, *arguments, **options)
    return nnx.merge(graph, jax.tree.map(lambda leaf: leaf, state))


@functools.cache
def split(make, *arguments, **options):
    return nnx.split(make(*arguments, **options))


def arrays(model):
    """Everything but the random streams, by path."""
    flat = nnx.to_flat_state(nnx.state(model, nnx.Not(nnx.RngState)))
    return {".".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in flat}


def equal(one, other):
    a, b = arrays(one), arrays(other)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def contents(file):
    if file.suffix == ".npz":
        return dict(np.load(file))
    return safetensors.numpy.load_file(file)


def rewritten(file, change):
    """The file with its dict of arrays changed."""
    content = contents(file)
    change(content)
    if file.suffix == ".npz":
        np.savez(file, **content)
    else:
        safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in content.items()}, file)
    return file
