"""`experiments.superresolve`: what it writes, that it resumes to the same bits, mistakes."""

import json

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from cnn_jax.data import photos
from cnn_jax.tasks import restoration
from experiments import superresolve

from .runs import alike, check_resuming, error_of, metrics


def run(workdir, **options):
    small = {"smoke": True, "devices": 1, "algorithm": "xla", "workdir": workdir}
    return superresolve.main(superresolve.Config(**{**small, **options}))


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
    assert (written["headline"]["name"], written["headline"]["value"]) == (
        "psnr",
        returned.metrics["psnr"],
    )
    assert written["headline"]["baseline"] == written["baseline"]["psnr"] > 20
    assert {f"psnr of {name}" for name in photos.load("test")} < set(written["baseline"])
    assert 0 < written["metrics"]["ssim"] < written["baseline"]["ssim"] < 1
    assert len(metrics(workdir)) == returned.epochs == 2
    for picture in workdir.glob("*.png"):
        pixels = matplotlib.image.imread(picture)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.1


@alike
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(superresolve, run, whole, tmp_path, monkeypatch)
    assert result(tmp_path)["metrics"] == result(whole)["metrics"]


def test_the_other_network(tmp_path):
    run(tmp_path, model="srcnn", scale=2, residual=False, epochs=1)
    written = result(tmp_path)
    assert written["metrics"]["psnr"] < written["baseline"]["psnr"]
    assert len(metrics(tmp_path)) == 1


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("model", ["espcn", "srcnn"])
def test_options_change_what_they_say(model, scale):
    config = superresolve.Config(model=model, scale=scale, variant="9-5-5", smoke=True)
    batch = {"clean": jnp.arange(2 * (16 * scale) ** 2, dtype=jnp.uint8)}
    batch["clean"] = batch["clean"].reshape(2, 16 * scale, 16 * scale, 1)
    batch = superresolve.preparing(config)(batch, None)
    side = 16 if model == "espcn" else 16 * scale
    assert batch["image"].shape == (2, side, side, 1)
    network, _, forward = superresolve.make(config, 10)
    outputs = jax.eval_shape(lambda batch: forward(network, batch), batch)
    assert outputs.shape == batch["clean"].shape
    assert network.conv2.kernel.shape[0] == {"espcn": 3, "srcnn": 5}[model]


def test_what_the_network_does_not_say_is_bicubic():
    config = superresolve.Config(smoke=True)
    clean = jnp.asarray(np.random.default_rng(0).uniform(size=(1, 12, 12, 1)), jnp.float32)
    batch = superresolve.degraded(config, clean)
    _, _, forward = superresolve.make(config, 10)
    np.testing.assert_array_equal(
        forward(lambda image: jnp.zeros((1, 12, 12, 1)), batch),
        restoration.upscale(restoration.downscale(clean, 3), 3),
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--scale", "5"], "scale"),
        (["--model", "espn"], "espcn"),
        (
            ["--smoke", "--batch-size", "72"],
            "`--batch-size` must be at most the number of examples, 64",
        ),
        (["--learning-rate", "0"], "`--learning-rate` must be positive and finite; got 0.0."),
        (["--resume"], "`--resume` needs `--workdir`, the folder of the run to continue."),
    ],
)
def test_a_mistake_is_told_what_to_do(arguments, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = error_of(monkeypatch, capsys, superresolve, arguments)
    assert text in error
    assert "Traceback" not in error
