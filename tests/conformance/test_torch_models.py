"""Networks with PyTorch's weights compute what PyTorch's compute, stage by stage.

`torch_models` defines torchvision's networks in PyTorch. Their random weights and running
statistics go to a safetensors file in torchvision's names, and from there into ours.
"""

import copy
import dataclasses
import zlib
from collections.abc import Callable
from functools import partial

import jax
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.alexnet import VARIANTS as ALEXNETS
from cnn_jax.models.blocks import Style
from cnn_jax.models.vgg import VARIANTS as VGGS
from tests.compilation import QUICKLY

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from .torch_models import (  # noqa: E402 - they need PyTorch
    alexnet,
    convnext,
    densenet,
    efficientnet,
    googlenet,
    mobilenet_v2,
    resnet,
    vgg,
)

MOMENTUM = 0.1  # PyTorch's: how much of the new statistics comes from this step


@dataclasses.dataclass(frozen=True)
class Case:
    """A network, ours and PyTorch's, with 10 classes and without dropout.

    `theirs` has `forward_maps`, which names its maps as our `feature_maps` does.
    """

    name: str
    ours: Callable[..., nnx.Module]
    theirs: Callable[[], "torch.nn.Module"]
    size: int = 64
    batch: int = 2

    def __str__(self):
        return self.name


def narrow_alexnet(name):
    """All convolutions, and hidden dense layers that are 64 wide, for a tenth of the weights."""
    variant = dataclasses.replace(ALEXNETS[name], hidden=64)
    return lambda num_classes, rngs: models.AlexNet(variant, num_classes, 3, Style(), rngs)


def narrow_vgg(name, norm="none"):
    """See `narrow_alexnet`."""
    variant = dataclasses.replace(VGGS[name], hidden=64)
    return lambda num_classes, rngs: models.VGG(variant, num_classes, 3, Style(norm=norm), rngs)


CASES = [
    Case("alexnet", narrow_alexnet("2014"), partial(alexnet.make, hidden=64), size=95),
    Case(
        "alexnet of 2012",
        narrow_alexnet("2012"),
        partial(alexnet.make, "2012", groups=2, hidden=64),
        size=99,
    ),
    Case("convnext_tiny", partial(models.convnext_tiny, stochastic_depth=0.0), convnext.make),
    Case("densenet121", models.densenet121, densenet.make, size=75),
    Case(
        "efficientnet_b0",
        partial(models.efficientnet_b0, dropout=0.0, stochastic_depth=0.0),
        efficientnet.make,
        size=75,
    ),
    Case(
        "googlenet",
        partial(models.googlenet, dropout=0.0, auxiliary_dropout=0.0),
        googlenet.make,
        size=95,
    ),
    Case("mobilenet_v2", partial(models.mobilenet_v2, dropout=0.0), mobilenet_v2.make, size=75),
    Case("resnet18", models.resnet18, partial(resnet.make, 18)),
    Case("resnet34", models.resnet34, partial(resnet.make, 34)),
    Case("resnet50", models.resnet50, partial(resnet.make, 50)),
    Case(
        "resnext50_32x4d",
        models.resnext50_32x4d,
        partial(resnet.make, 50, groups=32, width=4),
    ),
    Case("wide_resnet50_2", models.wide_resnet50_2, partial(resnet.make, 50, width=128)),
    Case("vgg11", narrow_vgg("vgg11"), partial(vgg.make, 11, hidden=64)),
    Case("vgg11_bn", narrow_vgg("vgg11", "batch"), partial(vgg.make, 11, norm=True, hidden=64)),
    Case("vgg16", narrow_vgg("vgg16"), partial(vgg.make, 16, hidden=64)),
]


def randomize(network, seed):
    """Random values everywhere: kernels of He's size, biases, scales near 1, statistics."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.ndim > 1 and tensor[0].numel() > 1:
                fan_in = tensor[0].numel()
                tensor.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            elif name.endswith("weight"):
                tensor.uniform_(0.8, 1.2, generator=generator)
            else:
                tensor.normal_(0, 0.1, generator=generator)


def pair(case, file):
    """PyTorch's network, and ours with its weights, which went through `file`; images for both."""
    seed = zlib.crc32(case.name.encode())
    theirs = case.theirs()
    randomize(theirs, seed)
    safetensors_torch.save_file(theirs.state_dict(), file)
    ours = nnx.eval_shape(lambda: case.ours(num_classes=10, rngs=nnx.Rngs(0)))
    report = models.load_weights(ours, file, names="torchvision")
    assert report.fits
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((case.batch, case.size, case.size, 3)).astype(np.float32)
    return ours, theirs, images


def feature_maps(model, images):
    """All maps of our network, and the network with what it remembers of the images."""
    graph, state = nnx.split(model)

    @partial(jax.jit, compiler_options=QUICKLY)
    def run(state, images):
        network = nnx.merge(graph, state)
        return network.feature_maps(images), nnx.state(network)

    maps, state = run(state, images)
    return maps, nnx.merge(graph, state)


def check(ours, theirs, precise, name):
    """Equal to 1e-4 of the largest, or as near to the exact values as PyTorch itself.

    Training-mode BatchNorm multiplies rounding errors: behind 50 layers float32 is worth 4 digits.
    """
    largest = np.abs(precise).max()
    assert largest > 0
    error, rounding = (np.abs(values - precise).max() / largest for values in (ours, theirs))
    assert error < max(1e-4, 2 * rounding), f"{name}: {error}, PyTorch's {rounding}"
    assert rounding < 1e-3, f"{name}: PyTorch's float32 says nothing, its error is {rounding}"


def channels_last(tensor):
    return np.moveaxis(tensor.numpy(), 1, -1)


def watch_counts(network):
    """A dict that gets how many values each running variance is of, when `network` is called."""
    counts = {}
    for name, layer in network.named_modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.register_forward_hook(
                lambda _, inputs, __, name=name: counts.update(
                    {f"{name}.running_var": inputs[0].numel() // inputs[0].shape[1]}
                )
            )
    return counts


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_stage(case, training, tmp_path):
    ours, theirs, images = pair(case, tmp_path / "theirs.safetensors")
    before = {name: tensor.numpy().copy() for name, tensor in theirs.state_dict().items()}
    precise = copy.deepcopy(theirs).double()
    counts = watch_counts(precise)
    theirs.train(training)
    precise.train(training)
    ours.train() if training else ours.eval()
    x = torch.tensor(images).movedim(-1, 1)
    with torch.no_grad():
        their_maps, precise_maps = theirs.forward_maps(x), precise.forward_maps(x.double())
    our_maps, ours = feature_maps(ours, images)
    assert set(our_maps) == set(their_maps)
    for name in their_maps:
        check(our_maps[name], *map(channels_last, (their_maps[name], precise_maps[name])), name)

    file = tmp_path / "ours.safetensors"
    models.save_weights(ours, file, names="torchvision")
    after = safetensors_torch.load_file(file)
    for name, tensor in after.items():
        values = tensor.numpy()
        if not (training and "running" in name):
            np.testing.assert_array_equal(values, before[name])
            continue
        if name in counts:
            # PyTorch remembers n / (n - 1) of the variance that it divides by, Flax the variance.
            kept = (1 - MOMENTUM) * before[name]
            values = kept + (values - kept) * counts[name] / (counts[name] - 1)
        expected = theirs.state_dict()[name].numpy(), precise.state_dict()[name].numpy()
        check(values, *expected, name)
    theirs.load_state_dict(after)  # strictly: all names and shapes are PyTorch's
