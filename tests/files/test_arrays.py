"""Named arrays in files: every bit comes back, nothing is read early, and others can read them."""

import hashlib
import json
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from cnn_jax import files

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "bool"]


def arrays_of_all_kinds():
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 2, (3, 2)).astype(name) for name in DTYPES}
    arrays |= {"a": np.array(1.5), "": np.zeros((2, 0), "f4"), "é.ü": np.array([np.nan, -0.0])}
    arrays["columns first"] = np.asfortranarray(rng.standard_normal((4, 3)))
    arrays["every second"] = rng.standard_normal(9)[::2]
    return arrays


def identical(one, other):
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_every_bit_comes_back(kind, tmp_path):
    file, arrays = tmp_path / f"all.{kind}", arrays_of_all_kinds()
    if kind == "safetensors":
        arrays["bfloat16"] = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    files.write_arrays(file, arrays)
    found = files.read_arrays(str(file))
    assert sorted(found) == sorted(arrays)
    assert all(identical(found[name], arrays[name]) for name in arrays)
    with files.array_file(file) as opened:
        assert opened.path == file
        assert opened.metadata == {}
        headers = {name: (s.shape, s.dtype) for name, s in opened.arrays.items()}
    assert headers == {name: (a.shape, a.dtype.name) for name, a in arrays.items()}
    files.write_arrays(file, {})
    assert files.read_arrays(file) == {}


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_the_other_order_of_bytes(kind, tmp_path):
    file = tmp_path / f"big.{kind}"
    files.write_arrays(file, {"a": np.array([1, 258], ">i4")})
    assert files.read_arrays(file)["a"].tolist() == [1, 258]


def test_metadata_comes_back(tmp_path):
    file, metadata = tmp_path / "a.safetensors", {"model": "lenet", "format": "np", "ü": '{"a":1}'}
    files.write_arrays(file, {"a": np.ones(2)}, metadata)
    with files.array_file(file) as found:
        assert found.metadata == metadata
    with safetensors.safe_open(file, framework="numpy") as others:
        assert others.metadata().keys() == metadata.keys() | {"cnn_jax.sha256"}
    files.write_arrays(file, {"a": np.ones(2)}, found.metadata)  # as it was read


def test_the_checksum_is_what_its_definition_says(tmp_path):
    """Computed from what another reader gives, in the order of the names."""
    file = tmp_path / "a.safetensors"
    arrays = {"b": np.arange(3, dtype="f4"), "B": np.ones((2, 1), "i8"), "ä": np.zeros((), "f8")}
    files.write_arrays(file, arrays, {"model": "lenet"})
    text = '[{"model":"lenet"},{"B":["I64",[2,1]],"b":["F32",[3]],"\\u00e4":["F64",[]]}]'
    total = hashlib.sha256(text.encode())
    for name, array in sorted(safetensors.numpy.load_file(file).items()):
        total.update(array.tobytes())
        assert identical(array, arrays[name])
    with safetensors.safe_open(file, framework="numpy") as others:
        assert others.metadata()["cnn_jax.sha256"] == total.hexdigest()


def test_the_same_arrays_give_the_same_file(tmp_path):
    for name in "ab":
        files.write_arrays(tmp_path / f"{name}.safetensors", arrays_of_all_kinds(), {"m": "x"})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_arrays_saved_again_in_another_order_keep_their_checksum(tmp_path):
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    files.write_arrays(one, {"b": np.ones(2, "f4"), "a": np.ones(3, "f8")})
    with safetensors.safe_open(one, framework="numpy") as others:
        metadata = others.metadata()
    arrays = safetensors.numpy.load_file(one)
    safetensors.numpy.save_file(arrays, other, metadata)
    assert one.read_bytes() != other.read_bytes()
    assert files.read_arrays(other).keys() == {"a", "b"}
    safetensors.numpy.save_file({**arrays, "a": np.zeros(3)}, other, metadata)
    with pytest.raises(ValueError, match="or software changed it and kept its metadata"):
        files.read_arrays(other)


@pytest.mark.parametrize("metadata", [None, {"format": "pt", "sha256": "theirs"}])
def test_files_of_others_have_no_checksum(metadata, tmp_path):
    file = tmp_path / "theirs.safetensors"
    safetensors.numpy.save_file({"a": np.arange(3.0)}, file, metadata)
    with files.array_file(file) as found:
        assert found.metadata == (metadata or {})
        assert found.arrays["a"].read().tolist() == [0, 1, 2]
    np.savez_compressed(tmp_path / "theirs.npz", a=np.zeros(100_000))
    assert not files.read_arrays(tmp_path / "theirs.npz")["a"].any()


def test_large_arrays_are_hashed_in_blocks(tmp_path):
    """Beyond one block, at sizes around its borders; the last bit counts."""
    file, block = tmp_path / "large.safetensors", 2**20
    for size in (block - 1, block, block + 1, 3 * block + 7):
        array = np.random.default_rng(size).integers(0, 256, size, np.uint8)
        files.write_arrays(file, {"a": array, "b": np.ones(3, "u1")})
        assert identical(files.read_arrays(file)["a"], array)
        raw = bytearray(file.read_bytes())
        raw[-4] ^= 128  # the last byte of a
        file.write_bytes(raw)
        with pytest.raises(ValueError, match="its SHA-256 is not the one"):
            files.read_arrays(file)


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_a_failed_write_leaves_the_old_file(kind, tmp_path):
    file = tmp_path / f"a.{kind}"
    files.write_arrays(file, {"a": np.ones(2)})
    before = file.read_bytes()
    with pytest.raises(ValueError, match="`file`: b is object"):
        files.write_arrays(file, {"a": np.zeros(2), "b": np.array([{}])})
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == [file.name]


def test_bfloat16_is_read_without_jax(tmp_path):
    file = tmp_path / "half.safetensors"
    files.write_arrays(file, {"a": np.ones(2, ml_dtypes.bfloat16)})
    code = (
        "import sys; from cnn_jax import files; "
        f"assert files.read_arrays({str(file)!r})['a'].dtype.name == 'bfloat16'; "
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_header_is_json_of_a_length_that_aligns_the_arrays(tmp_path):
    file = tmp_path / "a.safetensors"
    for length in range(9):
        files.write_arrays(file, {"a" * length: np.ones(2)})
        raw = file.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        assert size % 8 == 0
        assert json.loads(raw[8 : 8 + size])["a" * length]["shape"] == [2]
