"""`experiments.denoise`: what a smoke run writes, that it resumes to the same bits, mistakes."""

import json

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from cnn_jax import training
from cnn_jax.data import photos
from experiments import denoise
from experiments.baselines import denoisers

from .runs import alike, check_resuming, error_of, metrics


def run(workdir, **options):
    small = {"smoke": True, "devices": 1, "algorithm": "xla", "workdir": workdir}
    return denoise.main(denoise.Config(**{**small, **options}))


def result(workdir):
    return json.loads((workdir / "result.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return run(workdir), workdir


def test_writes_everything_straight_into_the_workdir(finished):
    returned, workdir = finished
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "curves.png",
        "held_out.png",
        "result.json",
        "weights.safetensors",
        "checkpoints",
        ".lock",
    }
    written = result(workdir)
    baseline, headline = written["baseline"], written["headline"]
    assert (headline["name"], headline["value"]) == ("psnr", returned.metrics["psnr"])
    ways = {"noisy", *denoisers.CLASSICAL}
    assert {f"{what} of {way}" for what in ("psnr", "ssim") for way in ways} <= set(baseline)
    best = max(baseline[f"psnr of {way}"] for way in denoisers.CLASSICAL)
    assert headline["baseline"] == baseline["psnr"] == best > 24
    for found in (written["metrics"], baseline):
        of = [found[f"psnr of {name}"] for name in photos.load("test")]
        assert found["psnr"] == pytest.approx(np.mean(of))
    assert (returned.metrics, returned.baseline) == (written["metrics"], baseline)
    assert 0 < written["metrics"]["ssim"] < 1
    assert written["metrics"]["psnr of one position"] != written["metrics"]["psnr"]
    # Sigma 25 is a PSNR of 20.17 dB, a little more where it is clipped.
    assert 20.1 < baseline["psnr of noisy"] < 21
    assert len(metrics(workdir)) == returned.epochs == 2
    for picture in workdir.glob("*.png"):
        pixels = matplotlib.image.imread(picture)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.1


@alike
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(denoise, run, whole, tmp_path, monkeypatch)
    assert result(tmp_path)["metrics"] == result(whole)["metrics"]


def test_layers_are_dilated_unless_one_asks_for_the_published_network():
    seen = []
    for options in ({}, {"dilated": False}, {"depth": 17}):
        model, _ = denoise.make(denoise.Config(**options), 10)
        layers = [model.first, *(layer.conv for layer in model.middle.layers), model.last]
        seen.append([layer.options.dilation[0] for layer in layers])
    assert seen[:2] == [[1, 1, 2, 3, 4, 3, 2, 1], [1] * 8]
    assert seen[2] == [1, 1, 2, 3, *[4] * 10, 3, 2, 1]


@alike
def test_eight_devices_have_the_same_losses(tmp_path):
    folders = [tmp_path / "one", tmp_path / "eight"]
    for devices, folder in zip((1, 8), folders):
        # Muon makes all directions of a step equally long, so rounding grows with its rate.
        run(folder, devices=devices, epochs=2, learning_rate=5e-3)
    numbers = [[list(m.values()) for m in metrics(folder)] for folder in folders]
    np.testing.assert_allclose(*numbers, rtol=1e-4)


def test_options_change_what_they_say(tmp_path):
    config = denoise.Config(smoke=True)
    train, held_out = denoise.patches(config)
    assert train["clean"].shape == (64, 40, 40, 1)
    noise = held_out["image"] - held_out["clean"].astype(np.float32) / 255
    assert noise.std() * 255 == pytest.approx(25, rel=0.02)
    other = denoise.patches(denoise.Config(smoke=True, seed=1, sigma=50.0))
    assert not np.array_equal(train["clean"], other[0]["clean"])
    np.testing.assert_array_equal(held_out["clean"], other[1]["clean"])
    np.testing.assert_allclose(
        2 * noise, other[1]["image"] - held_out["clean"].astype(np.float32) / 255, atol=1e-6
    )

    def levels(**options):
        prepare = jax.jit(denoise.preparing(denoise.Config(smoke=True, **options)))
        batch = prepare({"clean": jnp.asarray(train["clean"])}, jax.random.key(0))
        return np.asarray(batch["image"] - batch["clean"]).std((1, 2, 3)) * 255

    assert np.abs(levels(sigma=15.0) - 15).max() < 2
    assert levels(blind=True).std() > 10

    model, _ = denoise.make(denoise.Config(depth=5, channels=6), 10)
    assert (model.depth, len(model.middle.layers), model.first.kernel.shape) == (
        5,
        3,
        (3, 3, 1, 6),
    )


def test_the_last_layer_has_a_rate_of_its_own():
    model, optimizer = denoise.make(denoise.Config(smoke=True), 10)
    state, _ = training.init(model, optimizer)
    with jax.numpy_dtype_promotion("standard"):
        ones = jax.tree.map(jnp.ones_like, state.params)
        updates, _ = optimizer.update(ones, state.opt_state, state.params)
    first, last = (float(updates[name]["kernel"].mean()) for name in ("first", "last"))
    assert last == pytest.approx(denoise.LAST * first)
    assert first < 0


def test_a_picture_before_the_first_epoch(tmp_path):
    assert run(tmp_path, epochs=0).epochs == 0
    assert (tmp_path / "held_out.png").exists()
    model, optimizer = denoise.make(denoise.Config(smoke=True), 0)
    state, _ = training.init(model, optimizer)
    saved = training.Checkpoints(tmp_path, config=result(tmp_path)["config"]).restore(state)
    np.testing.assert_array_equal(
        saved.state.params["last"]["kernel"], state.params["last"]["kernel"]
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--sigma", "0"], "`--sigma` must be above 0 and at most 255; got 0.0."),
        (["--depth", "1"], "`--depth` must be in [2, 100]; got 1."),
        (["--channels", "0"], "`--channels` must be in [1, 1024]; got 0."),
        (
            ["--smoke", "--batch-size", "72"],
            "`--batch-size` must be at most the number of examples, 64",
        ),
        (["--learning-rate", "nan"], "`--learning-rate` must be positive and finite"),
        (["--epochs", "-1"], "`--epochs` must be in [0, 100000]; got -1."),
        (["--resume"], "`--resume` needs `--workdir`, the folder of the run to continue."),
    ],
)
def test_a_mistake_is_told_what_to_do(arguments, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = error_of(monkeypatch, capsys, denoise, arguments)
    assert text in error
    assert "Traceback" not in error
