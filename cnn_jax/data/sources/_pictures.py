"""Pictures: decode a file with Pillow, change the size or the channels of an array."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# What is decoded, whatever the file is called. Pillow knows more formats, among them some that
# start other programs.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".pbm"),
)
LARGEST = 2**26  # pixels: 200 MB as RGB. Pillow itself warns above 89 million.

EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


def decode(file: Path) -> np.ndarray:
    """Decode a picture as RGB, upright.

    EXIF's orientation is applied, and transparency dropped; of 16 bits the upper 8 are kept, and of
    an animation the first frame.

    Args:
        file: in one of `FORMATS`.

    Returns:
        uint8 (height, width, 3).

    Raises:
        ValueError, OSError, SyntaxError and others: the file is damaged or no picture, or has more
            than `LARGEST` pixels.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "gray.png"
        >>> Image.fromarray(np.array([[0, 200]], np.uint8)).save(file)
        >>> decode(file).tolist()
        [[[0, 0, 0], [200, 200, 200]]]
    """
    with Image.open(file, formats=FORMATS) as picture:  # reads no more than the header
        width, height = picture.size
        if width * height > LARGEST:
            raise ValueError(f"{width}x{height} pixels are more than {LARGEST}")
        if picture.mode not in EIGHT_BITS + SIXTEEN_BITS:
            raise ValueError(f"pixels of mode {picture.mode} are neither of 8 nor of 16 bits")
        upright = ImageOps.exif_transpose(picture)
        if picture.mode in SIXTEEN_BITS:
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if "transparency" in upright.info:  # of a palette: Pillow wants it in a channel first
            upright = upright.convert("RGBA")
        return np.array(upright.convert("RGB"))


def fit(image: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Give an image another size or number of channels.

    Of the image the largest part with the new proportions is kept, from its center; it is resized
    bilinearly, with antialiasing where it shrinks. This is to resize the shorter side and to crop
    the longer one, in one step.

    Args:
        image: uint8 (height, width, channels) with 1 or 3 channels.
        size: the new height and width; None keeps the old.
        channels: 1 weighs red, green and blue by 0.299, 0.587 and 0.114; 3 repeats gray; None keeps
            the old.

    Returns:
        uint8 (height, width, channels).

    Raises:
        ValueError: the image is not uint8, or has other channels.

    Example:
        >>> wide = np.repeat(np.array([[9, 9, 10, 50, 9, 9]], np.uint8)[..., None], 2, axis=0)
        >>> fit(wide, (1, 1), 3)
        array([[[25, 25, 25]]], dtype=uint8)
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f"`size` and `channels` are for images of uint8 with 1 or 3 channels; these have "
            f"{image.dtype}{list(image.shape)}."
        )
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    if size is not None and image.shape[:2] != size:
        picture = ImageOps.fit(picture, (size[1], size[0]), Image.Resampling.BILINEAR)
    if channels is not None and image.shape[2] != channels:
        picture = picture.convert("L" if channels == 1 else "RGB")
    fitted = np.array(picture)
    return fitted[..., None] if fitted.ndim == 2 else fitted
