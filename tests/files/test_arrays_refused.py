"""Files of arrays that are damaged, false or dangerous are refused by name."""

import json
import re
import struct
import warnings
import zipfile

import numpy as np
import pytest

from cnn_jax import files

ARRAYS = {
    "logits.kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "steps": np.array(5),
    "\u00e9": np.ones((0, 2), np.float16),
}
METADATA = {"model": "lenet", "model_options": '{"padding": "SAME"}'}


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
        files.read_arrays(file)


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
        files.read_arrays(file)


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_a_name_that_stands_twice_is_named(kind, tmp_path):
    file = tmp_path / f"twice.{kind}"
    if kind == "npz":
        twice(file)
    else:
        file.write_bytes(SAFETENSORS["a name twice"])
    with pytest.raises(ValueError, match=r"'fc(\.bias)?' is in it twice"):
        files.read_arrays(file)


def written(folder, kind, metadata=METADATA):
    file = folder / f"small.{kind}"
    files.write_arrays(file, ARRAYS, metadata if kind == "safetensors" else {})
    return file


def same(found):
    return found.keys() == ARRAYS.keys() and all(
        (array.dtype, array.shape, array.tobytes()) == (a.dtype, a.shape, a.tobytes())
        for array, a in ((found[name], ARRAYS[name]) for name in found)
    )


@pytest.mark.parametrize(("kind", "least"), [("safetensors", 0.999), ("npz", 0.7)])
def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(kind, least, tmp_path):
    """All bits of the length, header, metadata and data, and of an .npz' unused dates and so on."""
    file = written(tmp_path, kind)
    with files.array_file(file) as found:
        metadata = found.metadata
    whole, refused = file.read_bytes(), 0
    for bit in range(8 * len(whole)):
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        file.write_bytes(raw)
        try:
            with files.array_file(file) as found:
                arrays = {name: stored.read() for name, stored in found.arrays.items()}
        except ValueError as raised:
            error = str(raised)
        else:
            assert same(arrays), f"bit {bit}"
            assert found.metadata == metadata, f"bit {bit}"
            continue
        assert error.startswith(f"`file` {file} is no whole .{kind} file (")
        refused += 1
    assert refused >= least * 8 * len(whole)


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_a_truncated_file_anywhere(kind, tmp_path):
    file = written(tmp_path, kind)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"is no whole \.{kind} file"):
            files.read_arrays(file)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (np.float32(3).tobytes(), np.float32(4).tobytes()),
        (b"lenet", b"vgg16"),
        (b"logits.kernel", b"logits.kernal"),
        (b"[2,3]", b"[3,2]"),
        (b'"I64"', b'"F64"'),
    ],
)
def test_the_checksum_covers_everything(old, new, tmp_path):
    file = written(tmp_path, "safetensors")
    raw = file.read_bytes()
    assert raw.count(old) == 1
    file.write_bytes(raw.replace(old, new))
    with pytest.raises(ValueError, match=r"is damaged by flipped bits, or .*download or save it"):
        files.read_arrays(file)


def test_a_compressed_bomb_is_refused_by_its_size(tmp_path):
    """Sizes that no compression of so few bytes can have are refused before anything is made."""
    file = tmp_path / "bomb.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a.npy", "w") as stream:
            entry = {"descr": "|u1", "fortran_order": False, "shape": (2**28 - 128,)}
            np.lib.format.write_array_header_1_0(stream, entry)
        size = archive.infolist()[0].file_size
    raw = file.read_bytes()
    place = raw.rindex(b"PK\x01\x02") + 24  # the size in the central directory
    assert raw[place : place + 4] == struct.pack("<I", size)
    file.write_bytes(raw[:place] + struct.pack("<I", 2**28) + raw[place + 4 :])
    with pytest.raises(ValueError, match=r"a: it claims to hold 268435456 bytes, in \d+\)"):
        files.read_arrays(file)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_numpy_does_not_write(compression, tmp_path):
    member(np.ones(3), compression=compression)(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"compression \d+ is unknown"):
        files.read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "arrays", "metadata", "error", "text"),
    [
        (3, {}, {}, TypeError, "`file` must be a path; got one of type int."),
        ("a.h5", {}, {}, ValueError, "`file` must end in .safetensors or .npz; got "),
        ("a.pt", {}, {}, ValueError, "is PyTorch's pickle, which can run any code"),
        ("no/a.npz", {}, {}, FileNotFoundError, "does not exist; make it."),
        ("d.npz", {}, {}, ValueError, "d.npz is a folder."),
        ("a.npz", {}, {"a": "b"}, ValueError, "`metadata`: .npz holds none; use a .safetensors"),
        ("a.safetensors", {}, {"a": 1}, TypeError, "`metadata` must hold texts only; got 1."),
        ("a.safetensors", {}, {1: "a"}, TypeError, "`metadata` must hold texts only; got 1."),
        ("a.safetensors", {}, {"cnn_jax.sha256": ""}, ValueError, "must leave cnn_jax.sha256 to"),
        ("a.safetensors", {"__metadata__": np.ones(1)}, {}, ValueError, "__metadata__ is no name"),
        ("a.safetensors", {"b": np.array({})}, {}, ValueError, "`file`: b is object, which safe"),
        ("a.npz", {"b": np.array({})}, {}, ValueError, "`file`: b is object, which .npz cannot"),
    ],
)
def test_what_cannot_be_written(name, arrays, metadata, error, text, tmp_path):
    (tmp_path / "d.npz").mkdir()
    with pytest.raises(error, match=re.escape(text)):
        files.write_arrays(tmp_path / name if isinstance(name, str) else name, arrays, metadata)
    assert [path.name for path in tmp_path.iterdir()] == ["d.npz"]


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        (3, TypeError, "`file` must be a path; got one of type int."),
        ("a.bin", ValueError, "is PyTorch's pickle, which can run any code"),
        ("a.txt", ValueError, "`file` must end in .safetensors or .npz; got "),
        ("a.npz", FileNotFoundError, "a.npz does not exist."),
        ("d.npz", ValueError, "d.npz is no file; give the file that is in it."),
    ],
)
def test_what_cannot_be_read(name, error, text, tmp_path):
    (tmp_path / "d.npz").mkdir()
    with pytest.raises(error, match=re.escape(text)):
        files.read_arrays(tmp_path / name if isinstance(name, str) else name)
