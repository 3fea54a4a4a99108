"""Every kind of bad file of weights is refused by name, and nothing is loaded."""

import json
import re
import zipfile

import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract
from .tiny import KINDS, equal, rewritten, tiny_resnet


def changed(name, change):
    return lambda file: rewritten(file, lambda c: c.update({name: change(c[name])}))


def put(value):
    def change(array):
        array = array.copy()
        array.flat[-1] = value
        return array

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (changed("bn1.bias", put(np.nan)), "holds NaN or infinity, nothing was loaded: bn1.bias."),
        (changed("fc.weight", put(-np.inf)), "holds NaN or infinity, nothing was loaded: fc.weigh"),
        (
            changed("fc.bias", lambda a: a.astype(np.float64) + 1e300),
            "holds NaN or infinity, nothing was loaded: fc.bias.",
        ),
        (
            changed("fc.bias", lambda a: a.astype(np.int64)),
            "no floats where the model has some, nothing was loaded: fc.bias (int64).",
        ),
        (changed("bn1.weight", lambda a: a > 0), "nothing was loaded: bn1.weight (bool)."),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_no_weights(change, text, kind, tmp_path):
    file = tmp_path / f"weights.{kind}"
    models.save_weights(tiny_resnet(), file, names="torchvision")
    change(file)
    model, other = tiny_resnet(seed=1), tiny_resnet(seed=1)
    for strict in (True, False):
        with pytest.raises(ValueError, match=re.escape(text)) as error:
            models.load_weights(model, file, strict=strict)
        assert str(file) in str(error.value)
    assert equal(model, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file(kind, tmp_path):
    file, model = tmp_path / f"weights.{kind}", tiny_resnet(seed=1)
    models.save_weights(tiny_resnet(), file)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    for damaged in (raw, raw[:-1], b""):
        file.write_bytes(damaged)
        text = f"`file` {file} is no whole .{kind} file ("
        with pytest.raises(ValueError, match=re.escape(text) + ".*download or save it anew"):
            models.load_weights(model, file, strict=False)
    assert equal(model, tiny_resnet(seed=1))


def test_float8_is_named(tmp_path):
    file = tmp_path / "linear.safetensors"
    entries = {
        "bias": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]},
        "kernel": {"dtype": "F8_E4M3", "shape": [3, 2], "data_offsets": [2, 8]},
    }
    text = json.dumps(entries).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=re.escape("bias (F8_E4M3), kernel (F8_E4M3).")):
        models.load_weights(model, file)


def test_what_does_not_fit_is_never_read(tmp_path):
    """256 MB of zeros in 1 MB of zip, of another shape than the model's."""
    file = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("fc.bias.npy", "w", force_zip64=True) as stream,
    ):
        entry = {"descr": "<f4", "fortran_order": False, "shape": (2**26,)}
        np.lib.format.write_array_header_1_0(stream, entry)
        for _ in range(2**4):
            stream.write(bytes(2**24))
    report = models.load_weights(tiny_resnet(), file, strict=False, names="torchvision")
    assert report.wrong_shape == (("logits.bias", (5,), (2**26,)),)
    assert report.loaded == ()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".PTH"])
def test_a_pickle_is_refused_with_its_conversion(suffix, tmp_path):
    file = tmp_path / f"resnet18{suffix}"
    line = (
        f"safetensors.torch.save_file(torch.load('resnet18{suffix}', weights_only=True), "
        "'resnet18.safetensors')"
    )
    for call in (models.load_weights, models.save_weights):
        with pytest.raises(ValueError, match=re.escape(line)):
            call(tiny_resnet(), file)


def with_tiny(call, *args, **options):
    return lambda folder: call(tiny_resnet(), *[folder / a for a in args], **options)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (with_tiny(models.load_weights, "no.npz"), FileNotFoundError, "no.npz does not exist."),
        (with_tiny(models.load_weights, "d.npz"), ValueError, "d.npz is no file; give the file"),
        (with_tiny(models.load_weights, "a.h5"), ValueError, "must end in .safetensors or .npz;"),
        (with_tiny(models.load_weights, "a"), ValueError, "`file` must end in .safetensors or"),
        (
            with_tiny(models.load_weights, "a.npz", names="keras"),
            ValueError,
            "`names` must be one of 'cnn_jax', 'torchvision', 'timm'; got 'keras'.",
        ),
        (
            with_tiny(models.load_weights, "a.npz", skip="logits"),
            TypeError,
            "`skip` must be a tuple of names of layers; got 'logits'.",
        ),
        (
            with_tiny(models.load_weights, "a.npz", skip=("head",)),
            ValueError,
            "`skip`: 'head' is no layer; the model's are logits, stage1, stage2, stage3, stage4, s",
        ),
        (lambda f: models.load_weights({}, f / "a.npz"), TypeError, "`model` must be a flax.nnx"),
        (lambda f: models.save_weights({}, f / "a.npz"), TypeError, "`model` must be a flax.nnx"),
        (lambda f: models.load_weights(tiny_resnet(), 3), TypeError, "`file` must be a path; got"),
        (
            with_tiny(models.save_weights, "no/a.npz"),
            FileNotFoundError,
            "does not exist; make it.",
        ),
        (with_tiny(models.save_weights, "d.npz"), ValueError, "d.npz is a folder."),
        (with_tiny(models.save_weights, "a.npz", names="pytorch"), ValueError, "`names` must be"),
        (
            lambda f: models.save_weights(abstract(models.lenet), f / "a.npz", names="torchvision"),
            ValueError,
            "`names`: LeNet has none of torchvision's; use 'cnn_jax'. The networks with published "
            "names are AlexNet,",
        ),
        (
            lambda f: models.load_weights(abstract(models.alexnet), f / "a.npz", names="timm"),
            ValueError,
            "`names`: AlexNet has none of timm's;",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, error, text, tmp_path):
    (tmp_path / "d.npz").mkdir()
    np.savez(tmp_path / "a.npz", a=np.ones(1, np.float32))
    with pytest.raises(error, match=re.escape(text)):
        call(tmp_path)
