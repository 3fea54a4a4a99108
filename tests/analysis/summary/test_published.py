"""Published receptive fields, strides and paddings, of skeletons: windows and nothing else."""

from functools import partial

import haiku as hk
import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.analysis import summarize

CONV3 = ("conv", 3, 1, 1)
POOL2 = ("pool", 2, 2, 0)
VGG = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
RESNET = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
RESNET[152] = (3, 8, 36, 3)

# name: end point, and for each window (operation, size, stride, padding) up to it.
CHAINS = {
    "LeNet-5": {
        "C1": [("conv", 5, 1, 0)],
        "S2": [POOL2],
        "C3": [("conv", 5, 1, 0)],
        "S4": [POOL2],
        "C5": [("conv", 5, 1, 0)],
    },
    "AlexNet": {
        "conv1": [("conv", 11, 4, 0)],
        "pool1": [("pool", 3, 2, 0)],
        "conv2": [("conv", 5, 1, 2), ("pool", 1, 1, 0)],
        "conv3": [("pool", 3, 2, 0), CONV3],
        "conv4": [CONV3],
        "conv5": [CONV3],
        "pool5": [("pool", 3, 2, 0)],
    },
    **{
        f"VGG-{depth}": {f"pool{i}": [*[CONV3] * n, POOL2] for i, n in enumerate(counts, 1)}
        for depth, counts in VGG.items()
    },
    "MNIST-1D": {"conv3": [("conv", 3, 2, 0)] * 3},
    "uniform": {"conv4": [("conv", 3, 1, 1)] * 4},
}
# (size, stride, padding) of end points: of AlexNet and VGG-16 by Araujo et al. 2019, of the others
# by the same recurrence.
FIELDS = {
    "LeNet-5": {
        "C1": (5, 1, 0),
        "S2": (6, 2, 0),
        "C3": (14, 2, 0),
        "S4": (16, 4, 0),
        "C5": (32, 4, 0),
    },
    "AlexNet": {
        "conv1": (11, 4, 0),
        "pool1": (19, 8, 0),
        "conv2": (51, 8, 16),
        "conv3": (99, 16, 32),
        "conv4": (131, 16, 48),
        "conv5": (163, 16, 64),
        "pool5": (195, 32, 64),
    },
    "VGG-16": {
        "pool1": (6, 2, 2),
        "pool2": (16, 4, 6),
        "pool3": (44, 8, 18),
        "pool4": (100, 16, 42),
        "pool5": (212, 32, 90),
    },
    "VGG-11": {"pool5": (150, 32, 59)},
    "VGG-13": {"pool5": (156, 32, 62)},
    "VGG-19": {"pool5": (268, 32, 118)},
    "MNIST-1D": {"conv3": (15, 8, 0)},
    "uniform": {"conv4": (9, 1, 4)},
}
INPUTS = {"LeNet-5": (32, 32), "MNIST-1D": (40,), "uniform": (12, 11, 10), "AlexNet": (227, 227)}


def slide(x, operation, size, stride, padding, kernels):
    """One window, on all spatial axes."""
    rank = x.ndim - 2
    if operation == "pool":
        return F.max_pool(x, (size,) * rank, stride=stride, padding=padding)
    return F.conv(x, kernels[rank, size], stride=stride, padding=padding)


def abstract_kernels():
    """A kernel without values for each rank and size."""
    sizes = (1, 3, 5, 7, 11)
    return {
        (rank, k): jax.ShapeDtypeStruct((k,) * rank + (1, 1), jnp.float32)
        for rank in (1, 2, 3)
        for k in sizes
    }


def fields(f, spatial):
    """For each end point the distinct (size, stride, padding) of its axes."""
    summary = summarize(f, (1, *spatial, 1), params=abstract_kernels())
    assert not any("exact" in remark for remark in summary.remarks)
    return {
        name: {(seen.size, seen.stride, seen.padding) for seen in output.field}
        for name, output in summary.outputs.items()
    }


@pytest.mark.parametrize("name", CHAINS)
def test_chains(name):
    def network(kernels, x):
        ends = {}
        for end, windows in CHAINS[name].items():
            for window in windows:
                x = slide(x, *window, kernels)
            ends[end] = x
        return ends

    got = fields(network, INPUTS.get(name, (224, 224)))
    assert {end: got[end] for end in FIELDS[name]} == {
        end: {field} for end, field in FIELDS[name].items()
    }


def residual(x, windows, stride, kernels):
    """A block and its shortcut, which is a 1x1 convolution where the stride is not 1."""
    main = x
    for k, s in windows:
        main = F.conv(main, kernels[2, k], stride=s, padding=k // 2)
    return main + (x if stride == 1 else F.conv(x, kernels[2, 1], stride=stride))


def resnet(depth, stride_on):
    def network(kernels, x):
        x = F.conv(x, kernels[2, 7], stride=2, padding=3)
        # What is published of the stride on the 1x1 is of TensorFlow, which pads at the high end.
        pads = "SAME" if stride_on == 1 else 1
        x = F.max_pool(x, (3, 3), stride=2, padding=pads)
        for stage, blocks in enumerate(RESNET[depth]):
            for block in range(blocks):
                s = 2 if stage and not block else 1
                small = [(3, s), (3, 1)]
                deep = [(1, s), (3, 1), (1, 1)] if stride_on == 1 else [(1, 1), (3, s), (1, 1)]
                x = residual(x, small if depth < 50 else deep, s, kernels)
        return x

    return network


@pytest.mark.parametrize(
    ("depth", "stride_on", "size", "padding"),
    [
        (18, 3, 435, 217),
        (34, 3, 899, 449),
        (50, 1, 483, 239),
        (50, 3, 427, 213),
        (101, 1, 1027, 511),
        (101, 3, 971, 485),
        (152, 1, 1507, 751),
        (152, 3, 1451, 725),
    ],
)
def test_residual_networks(depth, stride_on, size, padding):
    assert fields(resnet(depth, stride_on), (224, 224)) == {"": {(size, 32, padding)}}


@pytest.mark.parametrize(("depth", "size"), [(20, 81), (32, 137), (44, 193), (56, 249), (110, 501)])
def test_residual_networks_for_cifar(depth, size):
    def network(kernels, x):
        x = F.conv(x, kernels[2, 3], padding=1)
        for stage in range(3):
            for block in range((depth - 2) // 6):
                s = 2 if stage and not block else 1
                x = residual(x, [(3, s), (3, 1)], s, kernels)
        return x

    (field,) = fields(network, (32, 32))[""]
    assert field[:2] == (size, 4)


def test_lenet_row_by_row():
    model = nnx.eval_shape(lambda: models.lenet(input_size=32, rngs=nnx.Rngs(0)))
    summary = summarize(model, (1, 32, 32, 1))
    assert [(row.name, row.operation, row.parameters, row.macs) for row in summary.rows] == [
        ("conv1", "conv", 156, 117_600),
        ("max_pool_1", "max pool", 0, 0),
        ("conv2", "conv", 2_416, 240_000),
        ("max_pool_2", "max pool", 0, 0),
        ("dense1", "dense", 48_120, 48_000),
        ("dense2", "dense", 10_164, 10_080),
        ("logits", "dense", 850, 840),
    ]
    assert summary.parameters == 61_706
    assert summary.macs == summary.macs_inside == 416_520
    assert [row.field[0].size for row in summary.rows] == [5, 6, 14, 16, 32, 32, 32]
    ends = summarize(model.feature_maps, (1, 32, 32, 1)).outputs
    assert ends["pool2"].shape == (1, 5, 5, 16)
    assert {(s.size, s.stride, s.padding) for s in ends["pool2"].field} == {(16, 4, 0)}


def test_multiply_adds_of_vgg_19():
    model = nnx.eval_shape(lambda: models.vgg19(rngs=nnx.Rngs(0)))
    model.eval()
    summary = summarize(model, (1, 224, 224, 3))
    assert (summary.parameters, round(summary.macs / 1e9, 3)) == (143_667_240, 19.632)


def test_haikus_resnet_50_is_ours():
    network = hk.transform_with_state(
        lambda x, train: hk.nets.ResNet50(1000)(x, is_training=train)  # the stride on the 3x3
    )
    x = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)

    def apply(variables, x):
        variables = variables["params"], variables["state"]
        return network.apply(*variables, None, x, train=False)[0]

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        init = partial(network.init, train=True)
        params, state = jax.eval_shape(init, jax.random.key(0), x)
        summary = summarize(apply, (1, 224, 224, 3), params={"params": params, "state": state})
    assert (summary.parameters, summary.macs) == (25_557_032, 4_089_184_256)
    last = [row for row in summary.rows if row.operation == "conv"][-1]
    assert {(seen.size, seen.stride) for seen in last.field} == {(427, 32)}


def test_every_parameter_is_in_one_row_and_names_are_unique():
    model = nnx.eval_shape(lambda: models.resnet18(rngs=nnx.Rngs(0)))
    model.eval()
    summary = summarize(model, (1, 64, 64, 3))
    sizes = [leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]
    assert summary.parameters == sum(row.parameters for row in summary.rows) == sum(sizes)
    assert summary.non_trainable == sum(row.non_trainable for row in summary.rows)
    assert len({row.name for row in summary.rows}) == len(summary.rows)
