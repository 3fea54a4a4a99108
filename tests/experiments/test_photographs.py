"""Patches and middles of pictures of DIV2K, as TFDS prepares it: here a tiny one."""

import json
import re

import numpy as np
import pytest

from cnn_jax.tasks import restoration
from experiments import denoise, superresolve
from experiments.data import photographs
from experiments.running.options import RunError

from ..data.tiny_builders import features_of, png, prepare


def picture(split, index):
    """Waves of all directions, of another size for each index."""
    rng = np.random.default_rng([len(split), index])
    rows, columns = np.mgrid[: 100 + 2 * index, : 120 + index]
    steps = rng.uniform(0.05, 0.3, (3, 2))
    waves = [np.sin(down * rows + right * columns) for down, right in steps]
    return np.round(127 + 100 * np.stack(waves, -1)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    made = {
        split: [
            {"hr": png(picture(split, n)), "lr": png(picture(split, n)[::2, ::2])}
            for n in range(count)
        ]
        for split, count in (("train", 9), ("validation", 3))
    }
    prepare(folder, "div2k", features_of("div2k"), made, "bicubic_x2")
    return folder


def test_patches_are_parts_of_the_pictures_in_high_resolution(folder):
    config = superresolve.Config(data="div2k", folder=folder)
    train, held_out = photographs.patches(config, "luma", 30, 40, 6)
    assert train.shape == (40, 30, 30, 1)
    assert held_out.shape == (6, 30, 30, 1)
    assert train.dtype == held_out.dtype == np.uint8
    for number, patch in enumerate(held_out):  # two of each of three pictures, as they are
        whole = picture("validation", number // 2).astype(np.float32) / 255
        whole = np.round(np.asarray(restoration.luma(whole)) * 255)
        windows = np.lib.stride_tricks.sliding_window_view(whole[..., 0], (30, 30))
        away = np.abs(windows - patch[..., 0]).max((2, 3))
        assert away.min() == 0
    other, same = photographs.patches(
        superresolve.Config(data="div2k", folder=folder, seed=1), "luma", 30, 40, 6
    )
    np.testing.assert_array_equal(held_out, same)
    assert (train != other).any()


def test_held_out_are_the_middles(folder, monkeypatch):
    monkeypatch.setattr(photographs, "MIDDLE", 64)
    config = denoise.Config(data="div2k", folder=folder)
    found = photographs.held_out(config, "gray")
    assert list(found) == ["picture 0", "picture 1", "picture 2"]
    red, green, blue = np.moveaxis(picture("validation", 2).astype(float), -1, 0)
    gray = (0.299 * red + 0.587 * green + 0.114 * blue)[20:84, 29:93]
    np.testing.assert_allclose(found["picture 2"][..., 0] * 255, gray, atol=0.51)
    few = denoise.Config(data="div2k", folder=folder, smoke=True)
    assert [part.shape for part in photographs.held_out(few, "gray").values()] == [(96, 96, 1)] * 2


@pytest.mark.parametrize("experiment", [superresolve, denoise])
def test_a_run_on_div2k(experiment, folder, tmp_path):
    config = experiment.Config(
        **{"data": "div2k", "folder": folder, "workdir": tmp_path, "epochs": 1, "smoke": True},
        **{"devices": 1, "algorithm": "xla"},
    )
    result = experiment.main(config)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["metrics"] == result.metrics
    positions = {f"{name} of one position" for name in ("psnr", "ssim")}
    expected = {"psnr", "ssim", "psnr of picture 0", "psnr of picture 2"}
    assert set(result.metrics) == (expected | positions if experiment is denoise else expected)
    assert result.baseline["psnr"] > 20
    assert (tmp_path / "held_out.png").exists()


def test_mistakes(folder, tmp_path):
    config = superresolve.Config(data="div2k", folder=folder)
    text = "`--data` must have pictures of 110 pixels or more; not record 0 of the train split"
    with pytest.raises(RunError, match=text):
        photographs.patches(config, "luma", 110, 40, 6)
    config = superresolve.Config(data="div2k", folder=tmp_path)
    with pytest.raises(RunError, match=re.escape(f"div2k is not prepared in {tmp_path}. TFDS pr")):
        photographs.held_out(config, "luma")
    config = superresolve.Config(data="mnist1d")
    with pytest.raises(RunError, match="`--data` must have pictures; mnist1d has none"):
        photographs.held_out(config, "luma")
