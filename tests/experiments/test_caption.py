"""`experiments.caption`: what it writes, that it resumes to the same bits, and its mistakes."""

import json
import re

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.data.scenes import COARSE, FINE
from cnn_jax.tasks import captioning
from experiments import caption
from experiments.data import making
from experiments.drawing import captioned

from .runs import check_resuming, error_of, metrics, slow


def run(workdir, **options):
    small = {"smoke": True, "devices": 1, "algorithm": "xla", "workdir": workdir}
    return caption.main(caption.Config(**{**small, **options}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return run(workdir), workdir


def test_writes_everything(finished):
    result, workdir = finished
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "result.json",
        "weights.safetensors",
        "weights_best.safetensors",
        "curves.png",
        "captions.png",
        "looking.png",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "exact_match"
    assert written["headline"]["value"] == result.metrics["exact_match"]
    assert set(written["metrics"]) == set(written["baseline"])
    assert set(written["baseline"]) == {"exact_match", "bleu4", "exact_match if clear"}
    assert 0 < written["baseline"]["exact_match"] < 0.5
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    for picture in workdir.glob("*.png"):
        pixels = matplotlib.image.imread(picture)
        assert min(pixels.shape[:2]) > 150
        assert pixels[..., :3].std() > 0.05


@slow
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(caption, run, whole, tmp_path, monkeypatch)


@slow
def test_eight_devices_have_the_same_losses(finished, tmp_path):
    _, one = finished
    run(tmp_path, devices=8)
    numbers = [[m["train_loss"] for m in metrics(folder)] for folder in (one, tmp_path)]
    np.testing.assert_allclose(*numbers, rtol=1e-4)


def tiny():
    shape = {"widths": (4, 8, 8), "channels": 8, "layers": 2, "kinds": 3}
    return models.captioner(vocabulary=len(COARSE.vocabulary), **shape, rngs=nnx.Rngs(0))


def test_what_the_network_sees_is_what_is_said():
    rng = np.random.default_rng(0)
    truth = {
        "image": rng.integers(0, 256, (1, 16, 16, 3), np.uint8),
        "classes": np.array([[8, 0, 3]]),
        "masks": np.zeros((1, 3, 16, 16), bool),
        "boxes_visible": np.array([[[0, 0, 2, 2], [0, 5, 2, 7], [0, 0, 1, 1]]], np.float32),
        "boxes_valid": np.array([[True, True, False]]),
    }
    truth["masks"][0, 1, 3:9, 10:14] = True  # of a t-shirt; the middle of the upper right cell
    found = caption.seen(FINE, jax.tree.map(jnp.asarray, truth))
    assert found["label"].tolist() == [[[0, 1], [0, 0]]]
    assert FINE.text(found["words"][0]) == "a t-shirt right of a bag"
    assert float(found["margin"][0]) == 5
    assert (float(found["image"].min()) >= -2) & (float(found["image"].max()) < 2)


def test_the_most_frequent_sentence(monkeypatch):
    words = np.array([[5, 1, 0], [6, 1, 0], [5, 1, 0]])
    monkeypatch.setattr(making, "drawn", lambda *_, **__: {"words": words})
    assert caption.most_frequent(None, 32, 0).tolist() == [5, 1, 0]


def test_one_beam_says_the_likeliest_words_and_more_say_likelier_sentences():
    model = tiny()
    model.eval()
    images = np.random.default_rng(0).standard_normal((32, 32, 32, 3)).astype(np.float32)
    with F.using(algorithm="xla"):
        one, many = (captioned.said(model, images, 5, beams) for beams in (1, 8))
        logits = jax.jit(lambda x, w: model(x, w))(images, one["words"][:, :-1])
    losses, parts = captioning.loss(logits, {"words": jnp.asarray(one["words"])})
    assert np.asarray(parts["exact"]).all()
    np.testing.assert_allclose(one["probability"], np.exp(-np.asarray(losses)), rtol=1e-4)
    assert (many["probability"] >= one["probability"] * (1 - 1e-5)).mean() > 0.9


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--size", "16"], "`--size` must be 32, 40, ... 256; got 16."),
        (["--objects", "5"], "`--objects` must be in [1, 4]; got 5."),
        (["--beams", "0"], "`--beams` must be in [1, 100]; got 0."),
        (["--words", "few"], "--words"),
        (["--weight-decay", "-1"], "`--weight-decay` must be at least 0 and finite"),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, caption, words))
    assert text in error
    assert "Traceback" not in error
