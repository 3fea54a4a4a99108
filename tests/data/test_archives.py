"""Archives: read by name, never unpacked; what leads out, links and bombs are refused."""

import io
import tarfile
import zipfile

import pytest

from cnn_jax.data import DamagedFileError
from cnn_jax.data.formats import archives

REMEDY = "Copy it again."


def write_zip(file, members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_tar(file, members, **entry):
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for attribute, value in entry.items():
                setattr(info, attribute, value)
            archive.addfile(info, io.BytesIO(content))


KINDS = {
    "zip": (write_zip, archives.zip_members),
    "tar.gz": (write_tar, archives.tar_members),
}
MEMBERS = {"set/train.bin": bytes(range(256)) * 2, "set/readme.txt": b"", "set/test.bin": b"xyz"}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    return *KINDS[request.param], tmp_path / f"set.{request.param}"


def test_reads_the_members_that_are_asked_for(kind):
    write, read, file = kind
    write(file, MEMBERS)
    found = read(file, ["set/train.bin", "set/test.bin"], remedy=REMEDY)
    assert {name: member.content for name, member in found.items()} == {
        "set/train.bin": MEMBERS["set/train.bin"],
        "set/test.bin": MEMBERS["set/test.bin"],
    }
    assert str(found["set/test.bin"]) == f"set/test.bin in {file}"


def test_a_missing_member_is_named(kind):
    write, read, file = kind
    write(file, MEMBERS)
    with pytest.raises(DamagedFileError, match=rf"{file} lacks set/extra\.bin\. {REMEDY}"):
        read(file, ["set/train.bin", "set/extra.bin"], remedy=REMEDY)


@pytest.mark.parametrize("name", ["../evil", "set/../../evil", "/evil", "..\\evil", "c:/evil"])
def test_names_that_lead_out_are_refused(kind, name):
    write, read, file = kind
    write(file, {name: b"", **MEMBERS})
    with pytest.raises(DamagedFileError, match=r"is refused: .* leads out of it"):
        read(file, ["set/train.bin"], remedy=REMEDY)


@pytest.mark.parametrize("type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, type_):
    file = tmp_path / "set.tar.gz"
    write_tar(file, {"set/train.bin": b""}, type=type_, linkname="/etc/passwd")
    with pytest.raises(DamagedFileError, match=r"set/train\.bin in it is a link or a device"):
        archives.tar_members(file, ["set/train.bin"], remedy=REMEDY)


def test_absurd_sizes_are_refused(kind, monkeypatch):
    write, read, file = kind
    write(file, {"one": bytes(600), "two": bytes(600)})
    monkeypatch.setattr(archives, "MOST", 1000)
    with pytest.raises(DamagedFileError, match="claims to hold 1200 bytes"):
        read(file, ["one"], remedy=REMEDY)


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    middle = 60
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda content: b"<html>404</html>", lambda c: b""])
def test_damage_is_named(kind, damage):
    write, read, file = kind
    write(file, MEMBERS)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DamagedFileError, match=str(file)) as error:
        read(file, ["set/train.bin"], remedy=REMEDY)
    assert str(error.value).endswith(REMEDY)
    assert "\n" not in str(error.value)


def test_a_missing_archive(kind):
    _, read, file = kind
    with pytest.raises(FileNotFoundError, match=file.name):
        read(file, ["set/train.bin"], remedy=REMEDY)
