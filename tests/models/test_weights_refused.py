"""Every kind of bad file of weights is refused by name, and nothing is loaded."""

import json
import re
import struct
import warnings
import zipfile

import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract
from .tiny import KINDS, equal, rewritten, tiny_resnet


@pytest.fixture
def saved(tmp_path):
    """The tiny ResNet's weights in torchvision's names."""
    file = tmp_path / "weights.safetensors"
    models.save_weights(tiny_resnet(), file, names="torchvision")
    return file


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


def header(**tensors):
    """A safetensors file of 8 bytes of data with these (dtype, shape, begin, end)."""
    entries = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        for name, (dtype, shape, begin, end) in tensors.items()
    }
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + bytes(8)


SAFETENSORS = {
    "empty": b"",
    "seven bytes": bytes(7),
    "header longer than the file": struct.pack("<Q", 1000) + b"{}",
    "header of exabytes": struct.pack("<Q", 2**60) + b"{}",
    "header is no JSON": struct.pack("<Q", 4) + b"nope" + bytes(8),
    "header is no UTF-8": struct.pack("<Q", 4) + b"\xff\xfe{}" + bytes(8),
    "web page": b"<!DOCTYPE html><html><body>404</body></html>" * 9,
    "pickle": b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u." * 9,
    "data cut": header(a=("F32", [2], 0, 8))[:-1],
    "data too long": header(a=("F32", [2], 0, 8)) + b"1",
    "offsets outside": header(a=("F32", [1000], 0, 4000)),
    "terabytes": header(a=("F32", [2**40], 0, 2**42)),
    "sizes that overflow": header(a=("F32", [2**40, 2**40], 0, 8)),
    "overlapping": header(a=("F32", [2], 0, 8), b=("F32", [1], 4, 8)),
    "a gap": header(a=("F32", [1], 4, 8)),
    "shape of other size": header(a=("F32", [3], 0, 8)),
    "negative shape": header(a=("F32", [-2], 0, 8)),
    "unknown dtype": header(a=("Q7", [2], 0, 8)),
    "header of minus signs": struct.pack("<Q", 2001) + b"-" * 2000 + b"1",
    "a name twice": header(fc=("F32", [2], 0, 8), FC=("F32", [1, 2], 0, 8)).replace(b"FC", b"fc"),
}


@pytest.mark.parametrize("raw", SAFETENSORS.values(), ids=SAFETENSORS)
def test_damaged_safetensors(raw, tmp_path):
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(raw)
    text = f"`file` {file} is no whole .safetensors file ("
    with pytest.raises(ValueError, match=re.escape(text) + ".*download or save it anew"):
        models.load_weights(tiny_resnet(), file, strict=False)


def test_a_truncated_file_anywhere(saved):
    raw, model = saved.read_bytes(), tiny_resnet(abstract)
    for length in np.linspace(0, len(raw) - 1, 23).astype(int):
        saved.write_bytes(raw[:length])
        with pytest.raises(ValueError, match=r"is no whole \.safetensors file"):
            models.load_weights(model, saved)


def test_float8_is_named(tmp_path):
    file = tmp_path / "linear.safetensors"
    file.write_bytes(header(bias=("F8_E4M3", [2], 0, 2), kernel=("F8_E4M3", [3, 2], 2, 8)))
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=re.escape("bias (F8_E4M3), kernel (F8_E4M3).")):
        models.load_weights(model, file)


def member(array=None, raw=None, claim=None, compression=zipfile.ZIP_STORED, name="fc.bias.npy"):
    """Makes an .npz with one member: an array, raw bytes, or a header that claims a shape."""

    def write(file):
        with zipfile.ZipFile(file, "w", compression) as archive, archive.open(name, "w") as stream:
            if raw is not None:
                stream.write(raw)
            elif claim is not None:
                entry = {"descr": "<f4", "fortran_order": False, "shape": claim}
                np.lib.format.write_array_header_1_0(stream, entry)
                stream.write(bytes(8))
            else:
                np.lib.format.write_array(stream, array, allow_pickle=True)

    return write


def truncated(file):
    np.savez(file, **{"fc.bias": np.ones(500, np.float32)})
    file.write_bytes(file.read_bytes()[:1000])


def flipped(file):
    np.savez(file, **{"fc.bias": np.arange(5, dtype=np.float32)})
    raw = bytearray(file.read_bytes())
    raw[raw.find(np.float32(3).tobytes())] ^= 1
    file.write_bytes(raw)


def twice(file):
    with zipfile.ZipFile(file, "w") as archive:
        for value in (1, 2):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns of what is meant here
                stream = archive.open("fc.bias.npy", "w")
            with stream:
                np.lib.format.write_array(stream, np.full(5, value, np.float32))


MINUS_SIGNS = b"-" * 9000 + b"1\n"  # which Python's parser answers with a MemoryError
NPZ = {
    "header of minus signs": member(
        raw=b"\x93NUMPY\x01\x00" + struct.pack("<H", len(MINUS_SIGNS)) + MINUS_SIGNS
    ),
    "a name twice": twice,
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_bytes(b"PK is no zip file"),
    "truncated": truncated,
    "a bit flipped": flipped,
    "a pickle in it": member(np.array([{}, 1], object)),
    "no array in it": member(raw=b"hello", name="fc.txt"),
    "no .npy": member(raw=b"hello, this is text"),
    "future version": member(raw=b"\x93NUMPY\x09\x00" + bytes(90)),
    "terabytes": member(claim=(2**42,)),
    "sizes that overflow": member(claim=(2**40, 2**40)),
    "negative": member(claim=(-2,)),
    "terabytes, deflated": member(claim=(2**42,), compression=zipfile.ZIP_DEFLATED),
    "less than claimed": member(claim=(5,)),
}


@pytest.mark.parametrize("write", NPZ.values(), ids=NPZ)
def test_damaged_npz(write, tmp_path):
    file = tmp_path / "damaged.npz"
    write(file)
    text = f"`file` {file} is no whole .npz file ("
    with pytest.raises(ValueError, match=f"(?s){re.escape(text)}.*download or save it anew"):
        models.load_weights(tiny_resnet(), file, strict=False)


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_a_name_that_stands_twice_is_named(kind, tmp_path):
    file = tmp_path / f"twice.{kind}"
    if kind == "npz":
        twice(file)
    else:
        file.write_bytes(SAFETENSORS["a name twice"])
    with pytest.raises(ValueError, match=r"'fc(\.bias)?' is in it twice"):
        models.load_weights(tiny_resnet(), file, strict=False)


def test_a_flipped_bit_in_the_end_record_of_an_npz_names_the_file(tmp_path):
    file, model = tmp_path / "flipped.npz", tiny_resnet(abstract)
    np.savez(file, **{"fc.bias": np.arange(5, dtype=np.float32)})
    whole = file.read_bytes()
    start, refused = whole.rindex(b"PK\x05\x06"), 0
    for bit in range(8 * start, 8 * len(whole)):
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        file.write_bytes(raw)
        with pytest.raises(ValueError, match=f"^`file` {re.escape(str(file))} ") as raised:
            models.load_weights(model, file)  # if whole after all: it does not fit the model
        refused += "is no whole .npz file" in str(raised.value)
    assert refused > 80


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
