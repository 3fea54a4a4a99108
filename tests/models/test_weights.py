"""Weights in files: bitwise round trips, other names and layouts, and strict reports."""

import json
import os
import re

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.densenet import Variant as DenseVariant

from .networks import abstract, filled, images, maps
from .tiny import KINDS, arrays, contents, equal, rewritten, tiny_resnet, tiny_vgg

SCHEMES = ["cnn_jax", "torchvision", "timm"]


@pytest.fixture
def saved(tmp_path):
    """The tiny ResNet's weights in torchvision's names."""
    file = tmp_path / "weights.safetensors"
    models.save_weights(tiny_resnet(), file, names="torchvision")
    return file


@pytest.mark.parametrize("network", [tiny_resnet, tiny_vgg])
@pytest.mark.parametrize("names", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_round_trips_are_bitwise(network, names, kind, tmp_path):
    file = tmp_path / f"weights.{kind}"
    model, other, empty = network(), network(seed=1), network(abstract)
    models.save_weights(model, file, names=names)
    assert not equal(model, other)
    for target in (other, empty):
        report = models.load_weights(target, file, names=names)
        assert report.fits
        assert not report.skipped
        assert len(report.loaded) == len(arrays(model))
        assert equal(model, target)
    found = models.load_weights(other, file).names
    assert found == ("torchvision" if names == "timm" and network is tiny_resnet else names)


def test_densenet_as_torchvision_hands_it_out(tmp_path):
    """Its file is older than its names: what is norm1 now is norm.1 there."""
    variant = DenseVariant((1, 2, 1, 1), growth=4, stem=8)
    model, other = (filled(models.DenseNet, variant, 5, 2, Style(), seed=seed) for seed in (0, 1))
    file = tmp_path / "densenet.safetensors"
    models.save_weights(model, file, names="torchvision")

    def older(content):
        for name in list(content):
            layer = re.sub(r"(denselayer\d\.(?:norm|conv))([12])", r"\1.\2", name)
            content[layer] = content.pop(name)

    rewritten(file, older)
    names = contents(file)
    assert "features.denseblock2.denselayer2.norm.1.running_mean" in names
    assert "features.denseblock2.denselayer2.norm1.running_mean" not in names
    assert not equal(model, other)
    assert models.load_weights(other, file).names == "torchvision"
    assert equal(model, other)

    bias = "features.denseblock1.denselayer1.norm1.bias"
    models.save_weights(model, file, names="torchvision")
    rewritten(file, lambda c: c.update({bias.replace("norm1", "norm.1"): c[bias] + 1}))
    with pytest.raises(ValueError, match=r"1 unexpected .*denselayer1\.norm\.1\.bias"):
        models.load_weights(other, file)


def test_weights_lie_as_in_pytorch(tmp_path):
    model, file = tiny_vgg(), tmp_path / "vgg.npz"
    models.save_weights(model, file, names="torchvision")
    content = contents(file)
    kernel = np.asarray(model.stage3.layers[1].conv.kernel[...])
    np.testing.assert_array_equal(content["features.11.weight"], np.einsum("hwio->oihw", kernel))
    np.testing.assert_array_equal(content["classifier.6.weight"], model.logits.kernel[...].T)
    np.testing.assert_array_equal(
        content["features.12.running_var"], model.stage3.layers[1].norm.var[...]
    )
    pooled = np.random.default_rng(0).standard_normal((7, 7, 6)).astype(np.float32)
    ours = pooled.ravel() @ np.asarray(model.dense1.kernel[...])
    theirs = content["classifier.0.weight"] @ np.moveaxis(pooled, -1, 0).ravel()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    models.save_weights(model, file, names="timm")
    timm = contents(file)
    assert timm["pre_logits.fc1.weight"].shape == (7, 6, 7, 7)
    np.testing.assert_array_equal(
        timm["pre_logits.fc1.weight"].reshape(7, -1), content["classifier.0.weight"]
    )


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.float64])
def test_other_floats_become_the_parameters_dtype(dtype, saved):
    before = contents(saved)
    rewritten(saved, lambda c: c.update({k: v.astype(dtype) for k, v in c.items()}))
    model = tiny_resnet(abstract)
    models.load_weights(model, saved)
    kernel = model.stem.conv.kernel[...]
    assert kernel.dtype == jnp.float32
    expected = before["conv1.weight"].astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(kernel, expected.transpose(2, 3, 1, 0))


def test_parameters_of_any_float_are_kept(tmp_path):
    model = nnx.Linear(3, 2, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    file = tmp_path / "linear.safetensors"
    models.save_weights(model, file)
    other = nnx.Linear(3, 2, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(1))
    models.load_weights(other, file)
    assert other.kernel[...].dtype == jnp.bfloat16
    assert equal(model, other)
    with pytest.raises(ValueError, match=re.escape("is bfloat16, which .npz cannot hold; use a")):
        models.save_weights(model, tmp_path / "linear.npz")
    assert os.listdir(tmp_path) == ["linear.safetensors"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_without_axes(kind, tmp_path):
    class Scale(nnx.Module):
        def __init__(self, value):
            self.scale = nnx.Param(jnp.float32(value))

    file, other = tmp_path / f"scale.{kind}", Scale(0)
    models.save_weights(Scale(3), file)
    models.load_weights(other, file)
    assert other.scale[...] == 3


def test_an_abstract_network_runs_when_it_is_loaded(tmp_path):
    model, empty, file = tiny_vgg(), tiny_vgg(abstract), tmp_path / "vgg.npz"
    models.save_weights(model, file)
    models.load_weights(empty, file)
    x = images(2, 32, 32, 2)
    random = maps(empty, x)
    assert np.isfinite(random["logits"]).all()
    for network in (model, empty):
        network.eval()
    np.testing.assert_array_equal(maps(model, x)["logits"], maps(empty, x)["logits"])
    assert np.abs(random["logits"] - maps(empty, x)["logits"]).max() > 0


class Dropped(nnx.Module):
    def __init__(self, *, rngs):
        self.first, self.second = (nnx.Dropout(0.5, rngs=rngs) for _ in range(2))
        self.scale = nnx.Param(jnp.ones(3))


def test_each_dropout_of_an_abstract_network_gets_its_own_stream(tmp_path):
    file, x = tmp_path / "dropped.npz", jnp.ones(64)
    models.save_weights(Dropped(rngs=nnx.Rngs(0)), file)
    one, other = abstract(Dropped), abstract(Dropped)
    for model in (one, other):
        models.load_weights(model, file)
    first, second = one.first(x), one.second(x)
    assert (first != second).any()
    assert (one.first(x) != first).any()
    np.testing.assert_array_equal(other.first(x), first)


def test_num_batches_tracked_is_never_unexpected(saved):
    rewritten(saved, lambda c: c.update({"bn1.num_batches_tracked": np.array(5)}))
    assert models.load_weights(tiny_resnet(abstract), saved).fits


def test_another_number_of_classes(saved):
    model = tiny_resnet(classes=7, seed=1)
    before = arrays(model)
    with pytest.raises(ValueError, match="does not fit") as error:
        models.load_weights(model, saved)
    assert (
        "  2 of a wrong shape: logits.bias (fc.bias) has (5,) in the file, the model needs (7,)"
        in str(error.value)
    )
    assert 'skip=("logits",)' in str(error.value)
    assert all((before[name] == array).all() for name, array in arrays(model).items())
    for skip in (("logits",), ("fc",), ("logits.kernel", "fc.bias")):
        report = models.load_weights(model, saved, skip=skip)
        assert sorted(report.skipped) == ["logits.bias", "logits.kernel"]
        assert len(report.loaded) == len(before) - 2
        assert report.fits
        for name, array in arrays(model).items():
            assert (before[name] == array).all() == name.startswith("logits.")


def test_skipping_leaves_the_values_even_where_they_fit(saved):
    model = tiny_resnet(seed=1)
    before = arrays(model)
    models.load_weights(model, saved, skip=["stage1", "stem.conv"])
    for path, array in arrays(model).items():
        kept = path.startswith(("stage1.", "stem.conv."))
        assert (before[path] == array).all() == kept, path


def misfit(content):
    del content["layer1.0.bn1.bias"], content["fc.weight"]
    content["aux.weight"] = np.ones(3, np.float32)
    content["conv1.weight"] = content["conv1.weight"][:, :1]


def test_what_does_not_fit_is_named_and_nothing_is_loaded(saved):
    rewritten(saved, misfit)
    model, other = tiny_resnet(seed=1), tiny_resnet(seed=1)
    with pytest.raises(ValueError, match="nothing was") as error:
        models.load_weights(model, saved)
    for line in (
        "nothing was loaded (by torchvision's names).",
        "  2 missing (in the model, not in the file): logits.kernel (fc.weight), "
        "stage1.0.conv1.norm.bias (layer1.0.bn1.bias)",
        "  1 unexpected (in the file, not in the model): aux.weight",
        "  1 of a wrong shape: stem.conv.kernel (conv1.weight) has (64, 1, 7, 7) in the file, "
        "the model needs (64, 2, 7, 7)",
        "To load what fits: strict=False.",
    ):
        assert line in str(error.value)
    assert equal(model, other)


def test_what_fits_is_loaded_if_asked(saved):
    rewritten(saved, misfit)
    model = tiny_resnet(seed=1)
    before, weights = arrays(model), arrays(tiny_resnet())
    report = models.load_weights(model, saved, strict=False)
    assert report.missing == ("logits.kernel", "stage1.0.conv1.norm.bias")
    assert report.unexpected == ("aux.weight",)
    assert report.wrong_shape == (("stem.conv.kernel", (64, 2, 7, 7), (64, 1, 7, 7)),)
    assert not report.fits
    left = {"logits.kernel", "stage1.layers.0.conv1.norm.bias", "stem.conv.kernel"}
    for path, array in arrays(model).items():
        np.testing.assert_array_equal(array, (before if path in left else weights)[path])
    assert f"{len(report.loaded)} of {len(before)} arrays loaded" in str(report)
    assert str(report) == repr(report)


def test_long_lists_are_cut(saved):
    extra = {f"extra{i:02}.weight": np.ones(1, np.float32) for i in range(22)}
    rewritten(saved, lambda c: c.update(extra))
    with pytest.raises(ValueError, match=r"22 unexpected .*extra09.weight and 12 more\n"):
        models.load_weights(tiny_resnet(), saved)


def test_the_file_of_another_model(saved):
    with pytest.raises(ValueError, match="Nothing fits: is it the file of another model"):
        models.load_weights(abstract(models.lenet), saved)


def test_an_abstract_network_needs_every_parameter(saved):
    model = tiny_resnet(abstract, classes=7)
    for options in ({"skip": ("logits",)}, {"strict": False}):
        with pytest.raises(ValueError, match=r"abstract.*Not from .*: logits.bias \(fc.bias\), lo"):
            models.load_weights(model, saved, **options)
    with pytest.raises(ValueError, match=r"`model` is abstract: its logits\.bias has no values"):
        models.save_weights(model, saved)
    assert models.load_weights(tiny_resnet(abstract), saved).fits  # the file is as it was


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_save_leaves_the_old_file(kind, tmp_path, monkeypatch):
    file = tmp_path / f"weights.{kind}"
    models.save_weights(tiny_resnet(), file)
    before = file.read_bytes()

    def full(*args, **options):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        models.save_weights(tiny_resnet(seed=1), file)
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == [file.name]


def test_saved_files_are_safetensors_own(saved):
    raw = saved.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert length % 8 == 0
    again = safetensors.numpy.load(raw)
    assert sorted(["__metadata__", *again]) == sorted(json.loads(raw[8 : 8 + length]))
    mode = os.stat(saved).st_mode & 0o777
    saved.with_name("plain").write_text("")
    assert mode == os.stat(saved.with_name("plain")).st_mode & 0o777
