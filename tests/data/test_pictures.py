"""Pictures: decoded as Pillow and NumPy say, resized without aliases; every bad file is named."""

import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cnn_jax import data
from cnn_jax.data.sources import FittedRecords, ImageRecords
from cnn_jax.data.sources._pictures import decode, fit

RGB = np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)
GRAY = RGB[..., 0]


def alpha(pixels):
    return np.dstack([pixels, np.full(pixels.shape[:2], 7, np.uint8)])


def palette():
    image = Image.fromarray(GRAY // 64).convert("P")
    image.putpalette([1, 2, 3, 40, 50, 60, 70, 80, 90, 255, 0, 9] + [0] * 756)
    return image


COLORS = np.array([[1, 2, 3], [40, 50, 60], [70, 80, 90], [255, 0, 9]], np.uint8)
REPEATED = GRAY[..., None].repeat(3, axis=2)
MADE = {
    "RGB": (Image.fromarray(RGB), {}, RGB),
    "gray": (Image.fromarray(GRAY), {}, REPEATED),
    "two colors": (Image.fromarray(GRAY > 99), {}, np.uint8(255) * (REPEATED > 99)),
    "with alpha": (Image.fromarray(alpha(RGB)), {}, RGB),
    "gray with alpha": (Image.fromarray(alpha(GRAY), "LA"), {}, REPEATED),
    "palette": (palette(), {}, COLORS[GRAY // 64]),
    "palette with transparency": (
        palette(),
        {"transparency": bytes([9, 8, 7, 255])},
        COLORS[GRAY // 64],
    ),
    "16 bits": (Image.fromarray(GRAY.astype(np.uint16) * 256 + 99), {}, REPEATED),
}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
def test_decoded_as_rgb(tmp_path, kind):
    image, options, expected = MADE[kind]
    image.save(tmp_path / "a.png", **options)
    decoded = decode(tmp_path / "a.png")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "gif", "webp", "jpg"])
def test_formats(tmp_path, suffix):
    smooth = np.linspace(0, 250, 6 * 9).reshape(6, 9).astype(np.uint8)
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(smooth).save(file, **({"lossless": True} if suffix == "webp" else {}))
    tolerance = 4 if suffix == "jpg" else 0
    np.testing.assert_allclose(decode(file)[..., 1], smooth, atol=tolerance)


UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), UPRIGHT[orientation](RGB))


def triangle(n_in, n_out, low, length):
    """The matrix of bilinear resizing from [low, low + length), with antialiasing."""
    scale = length / n_out
    support = max(scale, 1.0)
    centers = low + (np.arange(n_out) + 0.5) * scale
    distance = np.abs(np.arange(n_in) + 0.5 - centers[:, None]) / support
    weights = np.maximum(1 - distance, 0)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("size", [(3, 3), (2, 8), (6, 2), (12, 18), (5, 4), (1, 1), (6, 9)])
@pytest.mark.parametrize("image", [RGB, GRAY[..., None]], ids=["rgb", "gray"])
def test_fit_is_the_central_part_resized(image, size):
    """The part is the largest one with the new proportions; rounded twice, so within 1."""
    height, width, _ = image.shape
    scale = min(height / size[0], width / size[1])
    part = (size[0] * scale, size[1] * scale)
    down = triangle(height, size[0], (height - part[0]) / 2, part[0])
    across = triangle(width, size[1], (width - part[1]) / 2, part[1])
    expected = np.einsum("ih,hwc,jw->ijc", down, image.astype(float), across)
    fitted = fit(image, size, None)
    assert fitted.dtype == np.uint8
    np.testing.assert_allclose(fitted, expected, atol=1.01)


def test_channels():
    weighted = RGB @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(fit(RGB, None, 1)[..., 0], weighted, atol=0.51)
    np.testing.assert_array_equal(fit(GRAY[..., None], None, 3), REPEATED)
    np.testing.assert_array_equal(fit(REPEATED, None, 1)[..., 0], GRAY)  # there and back
    assert fit(RGB, None, None).flags.writeable


@pytest.mark.parametrize(
    "image", [RGB.astype(np.float32), RGB[..., :2], GRAY], ids=["f", "2", "no"]
)
def test_what_cannot_be_fitted(image):
    with pytest.raises(ValueError, match="`size` and `channels` are for images of uint8 with 1 or"):
        fit(image, (2, 2), None)


def truncated(file):
    file.write_bytes(file.read_bytes()[:-400])


def text(file):
    file.write_text("not a picture\n")


def nothing(file):
    file.write_bytes(b"")


def header_only(file):
    file.write_bytes(file.read_bytes()[:30])


def deleted(file):
    file.unlink()


def folder(file):
    file.unlink()
    file.mkdir()


def postscript(file):
    file.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")


def png(width, height):
    def chunk(kind, content):
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def bomb(file):
    file.write_bytes(png(60_000, 60_000))


def large(file):
    """Below what Pillow warns about."""
    file.write_bytes(png(8200, 8200))


def float_pixels(file):
    Image.fromarray(RGB[..., 0].astype(np.float32)).save(file, "TIFF")


NO_PICTURE = "it is none of JPEG, PNG, GIF, BMP, TIFF, WEBP, PPM"
FAULTS = {
    truncated: "image file is truncated .*",
    text: NO_PICTURE,
    nothing: NO_PICTURE,
    header_only: ".*",
    deleted: "No such file or directory",
    folder: "Is a directory",
    postscript: NO_PICTURE,
    bomb: r".*\(3600000000 pixels\).*",
    large: "8200x8200 pixels are more than 67108864",
    float_pixels: "pixels of mode F are neither of 8 nor of 16 bits",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("size", [None, (4, 4)])
def test_a_bad_file_is_named(tmp_path, fault, size):
    for name in ("a.jpg", "b.jpg"):
        noise = np.random.default_rng(2).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / name)
    fault(tmp_path / "b.jpg")
    records = ImageRecords(tmp_path, ["a.jpg", "b.jpg"], [0, 1])
    if size:
        records = FittedRecords(records, size, None)
    message = rf"picture .*/b\.jpg cannot be decoded \({FAULTS[fault]}\)\. Replace or delete it\."
    with pytest.raises(data.DamagedFileError, match=message):
        records.read([0, 1])
    assert len(records.read([0])) == 1


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    def refused(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refused)  # for the tests may run as root
    with pytest.raises(data.DamagedFileError, match=r"a\.png cannot .* \(Permission denied\)"):
        ImageRecords(tmp_path, ["a.png"], [0]).read([0])


def test_pickles(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    records = FittedRecords(ImageRecords(tmp_path, ["a.png"], [3]), (2, 3), 1)
    copy = pickle.loads(pickle.dumps(records))
    assert copy.place(0) == records.place(0) == f"picture {tmp_path}/a.png"
    (theirs,), (ours,) = copy.read([0]), records.read([0])
    np.testing.assert_array_equal(theirs["image"], ours["image"])
    assert theirs["label"] == ours["label"] == 3
