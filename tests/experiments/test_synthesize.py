"""`experiments.synthesize`: what it writes, that it resumes to the same bits, and its mistakes."""

import json
import re
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from cnn_jax import data
from cnn_jax import functional as F
from experiments import synthesize
from experiments.drawing import synthesized
from experiments.running import judging, makers

from .runs import alike, check_resuming, error_of, metrics

FILES = {
    "config.json",
    "metrics.jsonl",
    "result.json",
    "weights.safetensors",
    "classifier.safetensors",
    "curves.png",
    "samples.png",
    "neighbors.png",
    "walks.png",
    "baseline.png",
    "checkpoints",
    ".lock",
}
MEASURES = {"frechet_distance", "confidence", "rarest_class", "nearest"}


def run(workdir, devices=1, **options):
    config = {"batch_size": 16, "smoke": True, "algorithm": "xla", **options}
    return synthesize.main(synthesize.Config(workdir=workdir, devices=devices, **config))


@pytest.fixture(scope="module", params=["dcgan", "vae"])
def finished(request, tmp_path_factory):
    workdir = tmp_path_factory.mktemp(request.param)
    return run(workdir, model=request.param), workdir, request.param


def test_writes_everything(finished):
    result, workdir, model = finished
    extra = {"restored.png"} if model == "vae" else set()
    assert {path.name for path in workdir.iterdir()} == FILES | extra
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"] == {
        "name": "frechet_distance",
        "value": result.metrics["frechet_distance"],
        "baseline": result.baseline["frechet_distance"],
        "higher_is_better": False,
    }
    bound = {"loss"} if model == "vae" else set()
    assert set(written["metrics"]) == MEASURES | {"classifier_accuracy"} | bound
    assert set(written["baseline"]) > MEASURES
    distance = {n: v for n, v in result.baseline.items() if n.startswith("frechet_distance")}
    assert len(distance) == 4
    assert distance["frechet_distance of training images"] < distance["frechet_distance"]
    assert distance["frechet_distance"] < distance["frechet_distance of noise"]
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_frechet_distance"] == pytest.approx(result.metrics["frechet_distance"])
    assert records[1]["train_loss"] < records[0]["train_loss"]
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@alike
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole, model = finished
    check_resuming(synthesize, partial(run, model=model), whole, tmp_path, monkeypatch)
    name = "classifier.safetensors"
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


@alike
def test_eight_devices_have_the_same_losses(finished, tmp_path):
    _, whole, model = finished
    run(tmp_path, devices=8, model=model)
    for one, eight in zip(metrics(whole), metrics(tmp_path), strict=True):
        for name in one:
            if "loss" in name:
                assert eight[name] == pytest.approx(one[name], rel=1e-3), name


def made(model, **options):
    config = synthesize.Config(model=model, channels=4, latent=8, smoke=True, **options)
    return makers.MAKERS[model](config, 10)


def batch_of(count=16):
    return {"image": data.load("fashion_mnist_small", "test").images[:count]}


@pytest.mark.parametrize("model", ["dcgan", "vae"])
def test_auto_and_xla_make_the_same_step(model):
    maker, ends = made(model), []
    for algorithm in ("xla", "auto"):
        with F.using(algorithm=algorithm):
            step = jax.jit(lambda state, batch: maker.step(state, batch, jax.random.key(3)))
            ends.append(step(maker.state, batch_of()))
    for name, value in ends[0][1].items():
        assert float(ends[1][1][name]) == pytest.approx(float(value), rel=1e-5)


def test_each_network_lowers_its_own_loss():
    """The two gradients are those of two functions that each hold the other network fixed."""
    maker, batch, key = made("dcgan"), batch_of(), jax.random.key(0)
    with F.using(algorithm="xla"):
        after, measured = jax.jit(maker.step)(maker.state, batch, key)
    before = maker.state.params
    moved = {
        part: max(
            float(jnp.abs(a - b).max())
            for a, b in zip(jax.tree.leaves(after.params[part]), jax.tree.leaves(before[part]))
        )
        for part in makers.PARTS
    }
    # Adam's first step is the learning rate, with the sign of the gradient.
    rate = synthesize.Config().learning_rate / 25
    assert moved == pytest.approx(dict.fromkeys(makers.PARTS, rate), rel=0.05)
    assert set(measured) == {"loss", "generator_loss"}
    assert float(measured["loss"]) == pytest.approx(2 * np.log(2), abs=0.3)
    for part in makers.PARTS:  # alone, against the other as it was
        mixed = {**before, part: after.params[part]}
        with F.using(algorithm="xla"):
            state = type(after)(maker.state.step, mixed, maker.state.stats, maker.state.opt_state)
            _, later = jax.jit(maker.step)(state, batch, key)
        name = "loss" if part == "discriminator" else "generator_loss"
        assert float(later[name]) < float(measured[name]), part


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--latent", "0"], "`--latent` must be in [1, 4096]; got 0."),
        (["--channels", "0"], "`--channels` must be in [1, 1024]; got 0."),
        (["--model", "gan"], "--model"),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, synthesize, words))
    assert text in error
    assert "Traceback" not in error


def test_the_baseline_has_the_mean_and_covariance_of_the_pixels():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(16, 16)) / 40
    images = (0.5 + rng.normal(size=(3000, 16)) @ mixing).reshape(-1, 4, 4, 1)
    drawn = judging.normal(images, 3000).reshape(3000, -1)
    flat = images.reshape(3000, -1)
    np.testing.assert_allclose(drawn.mean(0), flat.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(flat.T), atol=0.1 * np.cov(flat.T).max())


def test_a_copy_is_found():
    train = np.random.default_rng(0).uniform(size=(20, 28, 28, 1)).astype(np.float32)
    order, distances = judging.nearest(train[[7, 3]], train, 2)
    assert order[:, 0].tolist() == [7, 3]
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-6)
    expected = np.sqrt(((train[7] - train) ** 2).mean((1, 2, 3)))
    assert distances[0, 1] == pytest.approx(np.sort(expected)[1], rel=1e-5)


def test_walks_lead_to_other_classes():
    probabilities = np.eye(3)[[0, 0, 1, 2, 0, 1]] * 0.9 + 0.03
    pairs = synthesized.far_apart(probabilities, 2)
    assert pairs.tolist() == [[0, 2], [1, 3]]
