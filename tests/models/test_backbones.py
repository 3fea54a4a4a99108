"""Networks without a head: the same maps from the same weights, and files that have a head."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.weights._places import schemes

from .networks import abstract, filled, images, maps, parameters
from .plain import CLASSIFIERS
from .tiny import arrays, tiny_resnet


def names(model, x):
    """The names of the feature maps, in their order, which jit would not keep."""
    found = []
    nnx.eval_shape(lambda x: found.extend(model.feature_maps(x)), jnp.asarray(x))
    return found


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_maps_from_the_same_file(name, tmp_path):
    network, file = CLASSIFIERS[name], tmp_path / "with_head.npz"
    full = filled(network.small)
    models.save_weights(full, file)
    backbone = filled(network.small, seed=1, num_classes=None)
    report = models.load_weights(backbone, file)

    lost = set(arrays(full)) - set(arrays(backbone))
    assert {path.split(".")[0] for path in lost} == set(network.HEAD) == set(type(full).HEAD)
    assert report.fits
    assert set(report.left_out) == {p.replace(".layers.", ".") for p in lost}
    assert parameters(backbone) < parameters(full)

    full.eval()
    backbone.eval()
    x = images(2, *network.SIZE)
    expected, found = maps(full, x), maps(backbone, x)
    stages = names(backbone, x)
    assert stages == names(full, x)[: len(stages)]
    assert set(stages) == set(found)
    assert stages[-1] == network.LAST
    for stage, feature_map in found.items():
        np.testing.assert_allclose(feature_map, expected[stage], rtol=1e-4, atol=1e-5)
    called = nnx.eval_shape(lambda x: backbone(x), jnp.asarray(x))
    assert called.shape == found[network.LAST].shape


PUBLISHED = [
    (name, scheme)
    for name, network in CLASSIFIERS.items()
    for scheme in schemes(abstract(network.small))[1:]
]


@pytest.mark.parametrize(("name", "scheme"), PUBLISHED)
def test_published_weights_with_a_head(name, scheme, tmp_path):
    small, file = CLASSIFIERS[name].small, tmp_path / "published.safetensors"
    full = filled(small)
    models.save_weights(full, file, names=scheme)
    backbone = filled(small, seed=1, num_classes=None)
    report = models.load_weights(backbone, file, names=scheme)
    expected, found = arrays(full), arrays(backbone)
    for path, value in found.items():
        np.testing.assert_array_equal(value, expected[path])
    assert len(report.left_out) == len(expected) - len(found)
    assert f"{len(report.left_out)} of a head (in the file; the model has none): " in repr(report)


def test_a_file_without_a_head(tmp_path):
    file = tmp_path / "backbone.npz"
    models.save_weights(tiny_resnet(seed=0, classes=None), file)
    assert models.load_weights(tiny_resnet(seed=1, classes=None), file).fits
    full = tiny_resnet(seed=1)
    with pytest.raises(
        ValueError, match=r"2 missing.*logits(.|\n)*To keep the model's head: skip="
    ):
        models.load_weights(full, file)
    report = models.load_weights(full, file, skip=("logits",))
    assert set(report.skipped) == {"logits.kernel", "logits.bias"}


def test_other_arrays_are_still_unexpected(tmp_path):
    file = tmp_path / "other.npz"
    models.save_weights(tiny_resnet(), file)
    np.savez(file, **dict(np.load(file)), other=np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"1 unexpected .*: other"):
        models.load_weights(tiny_resnet(classes=None), file)


def test_a_network_with_a_head_refuses_a_file_with_an_unknown_layer_called_like_one(tmp_path):
    file = tmp_path / "other.npz"
    model = filled(models.lenet)
    models.save_weights(model, file)
    np.savez(file, **dict(np.load(file)), **{"logits.extra": np.ones(3, np.float32)})
    with pytest.raises(ValueError, match=r"1 unexpected .*: logits.extra"):
        models.load_weights(model, file)


@pytest.mark.parametrize(
    ("num_classes", "kind"),
    [(0, ValueError), (2.5, TypeError), (True, TypeError), ("a", TypeError)],
)
def test_a_wrong_number_of_classes(num_classes, kind):
    for network in CLASSIFIERS.values():
        if network.small.__module__.endswith("lenet1998"):  # its targets say how many
            continue
        with pytest.raises(kind, match="`num_classes` must be a positive int"):
            abstract(network.small, num_classes=num_classes)
