"""Real pairs of views with known disparities that are on the user's machine; none is downloaded."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cnn_jax.tasks import restoration
from experiments.data import debian_packages

# Of the views as scikit-image has them: pixels, and millimeters for the baseline.
FOCAL, BASELINE, OFFSET = 994.978, 193.001, 31.086
CENTER = (254.877, 311.193)  # row, column

FILES = ("left.png", "right.png", "disp.npz")  # of scikit-image, each after "motorcycle_"
ALOE = ("aloeL.jpg", "aloeR.jpg", "aloeGT.png")  # of OpenCV; the last one of the left view
ABSENT = {
    "motorcycle": "not found: the pair `motorcycle`, in scikit-image's package",
    "aloe": debian_packages.OPENCV.absent("the pair `aloe`"),
}


def found(most: int) -> dict[str, dict[str, Any] | None]:
    """All real pairs by name, scaled down so that their disparities fit; None if one is not there.

    Args:
        most: the largest disparity, in pixels.
    """
    return {
        "motorcycle": motorcycle(scale_for(most, 60), multiple=8),
        "aloe": aloe(most, multiple=8),
    }


def scale_for(most: int, largest: float) -> int:
    """How many times smaller views must be, a power of 2, until their largest disparity fits.

    Example:
        >>> scale_for(30, 60), scale_for(14, 60), scale_for(62, 60)
        (2, 8, 1)
    """
    return 2 ** int(np.ceil(np.log2(largest / most)).clip(0))


def motorcycle(scale: int, *, multiple: int = 1) -> dict[str, Any] | None:
    """Read the pair `motorcycle` of the Middlebury 2014 benchmark, smaller.

    Views are scaled down without aliasing. Of the disparities one in each `scale` x `scale` pixels
    is taken, and divided by `scale`: a mean would invent disparities at edges.

    Args:
        scale: how many times smaller; 1 is 500 x 741 pixels with disparities up to 60.
        multiple: height and width are cut off, below and right, to multiples of it.

    Returns:
        A batch of one pair, or None if scikit-image or the pair is not there::

            image      (1, 2, height, width, 3) uint8: left, right
            disparity  (1, height, width) float32, infinite where it is unknown
            camera     for `point_cloud.of_pair`: focal, baseline, offset, center

    References:
        Scharstein et al., *High-resolution stereo datasets with subpixel-accurate ground truth*,
        2014; https://vision.middlebury.edu/stereo/data/scenes2014/.
    """
    spec = importlib.util.find_spec("skimage")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else Path()
    files = [folder / f"motorcycle_{name}" for name in FILES]
    if not all(file.exists() for file in files):
        return None
    with np.load(files[2]) as arrays:
        disparity = arrays["arr_0"]
    camera = {
        "focal": FOCAL / scale,
        "baseline": BASELINE,
        "offset": OFFSET / scale,
        "center": tuple((place + 0.5) / scale - 0.5 for place in CENTER),
    }
    return {**_smaller(files[:2], disparity, scale, multiple), "camera": camera}


def aloe(most: int, *, multiple: int = 1) -> dict[str, Any] | None:
    """Read the pair `aloe` of the Middlebury 2006 benchmark, smaller; see `motorcycle`.

    Args:
        most: the largest disparity is to be no more than that; of the views as they are it is 211.
        multiple: as of `motorcycle`.

    Returns:
        `image` and `disparity`, or None if the pair is not there.

    References:
        Hirschmueller and Scharstein, *Evaluation of cost functions for stereo matching*, 2007;
        https://vision.middlebury.edu/stereo/data/scenes2006/.
    """
    files = debian_packages.OPENCV.files(*ALOE)
    if files is None:
        return None
    stored = np.asarray(Image.open(files[2]).convert("L")).astype(np.float32)
    disparity = np.where(stored > 0, stored, np.inf)  # 0 where it is unknown
    return _smaller(files[:2], disparity, scale_for(most, stored.max()), multiple)


def _smaller(
    files: list[Path], disparity: np.ndarray, scale: int, multiple: int
) -> dict[str, np.ndarray]:
    views = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    height, width = (n // (scale * multiple) * scale * multiple for n in disparity.shape)
    small = restoration.downscale(views[:, :height, :width].astype(np.float32) / 255, scale)
    first = scale // 2
    return {
        "image": np.asarray(restoration.as_stored(small) * 255).round().astype(np.uint8)[None],
        "disparity": disparity[None, first:height:scale, first:width:scale] / np.float32(scale),
    }
