"""`experiments.evaluate`: what it says of a run is what the run said, and of weights alone too."""

import doctest
import json

import numpy as np
import pytest

from cnn_jax import data, training
from cnn_jax.tasks import classification
from experiments import evaluate
from experiments.drawing import plots
from experiments.running import loading

from .runs import error_of, pictures, run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with an average: its folder and its result."""
    workdir = tmp_path_factory.mktemp("trained")
    return workdir, run(workdir, average=0.5, learning_rate=0.01)


def main(place, **options):
    return evaluate.main(evaluate.Config(place, **{"devices": 1, "algorithm": "xla", **options}))


def saved(workdir):
    return json.loads((workdir / "result.json").read_text())["metrics"]


def test_the_examples_run():
    names = {**vars(evaluate)}
    assert doctest.testmod(evaluate, extraglobs=names).failed == 0


def test_a_run_is_evaluated_to_its_own_numbers(trained):
    workdir, result = trained
    found = main(workdir)
    metrics = saved(workdir)
    assert found["metrics"]["accuracy"] == metrics["accuracy"] == result.test_accuracy
    assert found["metrics"] == pytest.approx({n: metrics[n] for n in found["metrics"]}, rel=1e-5)
    assert found["images"] == 640  # as many as the smoke run had
    average = main(workdir, which="average", batch_size=640)["metrics"]
    assert average["accuracy"] == metrics["average_accuracy"]
    assert average["loss"] == pytest.approx(metrics["average_loss"], rel=1e-5)


def test_the_best_epoch_is_evaluated(trained):
    history = [json.loads(r) for r in (trained[0] / "metrics.jsonl").read_text().splitlines()]
    best = max(record["test_accuracy"] for record in history)
    assert main(trained[0], which="best")["metrics"]["accuracy"] == best


def test_what_it_writes(trained, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "confusion", lambda *given: drawn.append(given))
    found = main(trained[0], out=tmp_path / "out")
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written == found
    counts = np.array(written["confusion"])
    assert counts.sum() == 640
    assert np.trace(counts) / 640 == pytest.approx(written["metrics"]["accuracy"])
    assert np.array_equal(drawn[0][1], counts)
    test = data.load("fashion_mnist_small", "test")
    for row, counted in zip(written["classes"], np.bincount(test.labels[:640]), strict=True):
        assert row["images"] == counted
    row = written["classes"][3]
    assert row["recall"] == counts[3, 3] / counts[3].sum()
    assert row["precision"] == pytest.approx(counts[3, 3] / max(counts[:, 3].sum(), 1))


def test_another_split_and_another_set(trained):
    train = main(trained[0], split="train")
    other = main(trained[0], dataset="fashion_mnist_small", split="train", smoke=True)
    assert train["metrics"] == other["metrics"]
    assert train["split"] == "train"
    assert train["metrics"] != main(trained[0])["metrics"]


def test_a_file_of_weights_needs_no_run(trained, tmp_path):
    file = tmp_path / "elsewhere.safetensors"
    file.write_bytes((trained[0] / "weights.safetensors").read_bytes())
    options = {"model": "mlp", "model_options": '{"widths": [16]}', "smoke": True}
    found = main(file, **options, dataset="fashion_mnist_small")
    assert found["metrics"]["accuracy"] == saved(trained[0])["accuracy"]
    assert (tmp_path / "evaluation" / "confusion.png").exists()
    # In the folder of its run it needs nothing.
    best = main(trained[0] / "weights_average.safetensors")
    assert best["metrics"]["accuracy"] == saved(trained[0])["average_accuracy"]


def test_the_numbers_are_those_of_the_network_on_the_arrays(trained):
    made = loading.trained(trained[0])
    test = data.load("fashion_mnist_small", "test")
    batch = made.network.prepare()({"image": test.images[:640], "label": test.labels[:640]}, None)
    logits, _ = made.apply(made.state.params, made.state.stats, batch)
    _, others = classification.loss(top=(1, 5))(logits, batch)
    found = main(trained[0])["metrics"]
    assert float(others["accuracy"].mean()) == pytest.approx(found["accuracy"])
    assert float(others["top5"].mean()) == pytest.approx(found["top5"])
    assert isinstance(made.state, training.TrainState)


def test_a_whitened_network_in_bfloat16_is_read_again(tmp_path):
    result = run(tmp_path, whiten=2, dtype="bfloat16", epochs=1)
    assert main(tmp_path)["metrics"]["accuracy"] == result.test_accuracy


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nowhere"], "`RUN_OR_WEIGHTS` nowhere does not exist."),
        (["EMPTY"], "is no run of `experiments.train`: there is no"),
        (["DAMAGED"], "config.json is damaged: it does not describe a network."),
        (["OTHER"], "config.json is of no run of `experiments.train`: it has no 'network'."),
        (["RUN", "--split", "validation"], "`--split` must be one of 'train', 'test'; got"),
        (["RUN", "--dataset", "mnst"], "`--dataset` must be one of "),
        (["RUN", "--dataset", "PETS"], "`--dataset` must be of the 10 classes of the network, T-"),
        (["PLAIN", "--which", "best_average"], "`--which` must be one of last: "),
        (["NOISE", "--model", "lenet", "--dataset", "fashion_mnist_small"], "noise.safetensors"),
        (["MLP", "--model", "lenet", "--dataset", "fashion_mnist_small"], "does not fit the model"),
    ],
)
def test_a_mistake_is_told_in_one_line(words, text, trained, tmp_path, monkeypatch, capsys):
    places = {name: tmp_path / name.lower() for name in ("EMPTY", "DAMAGED", "OTHER", "PLAIN")}
    for place in places.values():
        place.mkdir()
    (places["DAMAGED"] / "config.json").write_text('{"config": {}, "network": 3}')
    (places["OTHER"] / "config.json").write_text('{"config": {}}')
    for name in ("config.json", "weights.safetensors"):
        (places["PLAIN"] / name).write_bytes((trained[0] / name).read_bytes())
    places["NOISE"] = tmp_path / "noise.safetensors"
    places["NOISE"].write_bytes(b"noise")
    places["MLP"] = places["PLAIN"] / "weights.safetensors"
    places["RUN"] = trained[0]
    if "PETS" in words:
        places["PETS"] = pictures(tmp_path / "pets")
    error = error_of(monkeypatch, capsys, evaluate, [places.get(word, word) for word in words])
    assert text in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["RUN", "--size", "32"], "`--size` must be left out without `--model`; got 32."),
        (["RUN", "--model", "lenet"], "`--model` needs `--dataset`"),
        (["RUN", "--batch-size", "0"], "`--batch-size` must be at least 1; got 0."),
        (["RUN", "--algorithm", "cudnn"], "`--algorithm` must be one of"),
    ],
)
def test_a_wrong_value_is_told_at_once(words, text, monkeypatch, capsys):
    assert text in error_of(monkeypatch, capsys, evaluate, words)


def test_many_classes_are_listed_by_the_worst():
    rows = [
        {"class": str(i), "images": 4, "recall": i / 50, "precision": None, "taken_for": None}
        for i in range(50)
    ]
    made = evaluate.table(rows[::-1])
    assert made.row_count == evaluate.MANY
    assert "worst 30 of 50" in str(made.title)
    assert next(iter(made.columns[0].cells)) == "0"
