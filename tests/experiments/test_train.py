"""`experiments.train`: each option changes what it says, runs resume, and what mistakes get."""

import dataclasses
import json
import signal
import sys
import types

import jax
import numpy as np
import pytest
from flax import nnx

from cnn_jax import data, files, models
from experiments import lenet, train
from experiments.data import augmentations
from experiments.drawing import plots
from experiments.running import networks, recipes, watching
from experiments.running.optimizers import Plan
from experiments.running.train_options import Config

from .runs import HERE, SMALL, error_of, pictures, run

# A rate with which no parameter changes.
STILL = {"learning_rate": 1e-30, "epochs": 1}


@pytest.fixture(autouse=True)
def nothing_is_drawn(monkeypatch, request):
    """Drawing takes longer than these runs; one test asks for it."""
    if "drawn" not in request.fixturenames:
        for name in ("curves", "confusion"):
            monkeypatch.setattr(plots, name, lambda *_: None)


@pytest.fixture
def drawn():
    """Ask for pictures."""


def records(workdir):
    """What each epoch measured, without its seconds."""
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def numbers(workdir):
    return np.array([list(record.values()) for record in records(workdir)])


def weights(workdir, kind=""):
    return files.read_arrays(workdir / f"weights{kind}.safetensors")


@pytest.fixture(scope="module")
def initial(tmp_path_factory):
    """The parameters of the small network before training, by name."""
    shape = {"in_channels": 1, "input_size": (28, 28)}
    file = tmp_path_factory.mktemp("initial") / "weights.npz"
    models.save_weights(models.mlp(**shape, widths=(16,), rngs=nnx.Rngs(0)), file)
    return files.read_arrays(file)


def command_line(monkeypatch, capsys, *words):
    return error_of(monkeypatch, capsys, train, words, recipes.parse)


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A run in which no parameter changes: its only record."""
    workdir = tmp_path_factory.mktemp("still")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("curves", "confusion"):
            patch.setattr(plots, name, lambda *_: None)
        run(workdir, **STILL)
    return records(workdir)[0]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run of 2 epochs on one device, by default options: its folder and its result."""
    workdir = tmp_path_factory.mktemp("plain")
    return workdir, run(workdir)


def test_a_run_leaves_what_others_read(plain, drawn):
    workdir, result = plain
    assert {path.name for path in workdir.iterdir() if path.name[0] != "."} >= {
        *("config.json", "metrics.jsonl", "result.json", "checkpoints"),
        *("weights.safetensors", "weights_best.safetensors"),
    }
    about = json.loads((workdir / "config.json").read_text())
    network = about["network"]
    assert (network["model"], network["options"]) == ("mlp", {"widths": [16]})
    assert network["shape"] == network["stored"] == [28, 28, 1]
    assert (network["mean"], network["std"]) == ([0.286], [0.353])
    assert network["classes"] == list(data.info("fashion_mnist_small").classes)
    saved = json.loads((workdir / "result.json").read_text())
    last = records(workdir)[-1]
    assert saved["headline"]["value"] == result.test_accuracy == last["test_accuracy"]
    assert saved["metrics"]["loss"] == last["test_loss"]
    assert {"accuracy", "loss", "top5", "calibration"} == saved["metrics"].keys()
    assert 0.5 < saved["baseline"]["accuracy"] < 0.8  # of the nearest class mean


def test_pictures_are_drawn(tmp_path, drawn):
    run(tmp_path, epochs=1)
    assert {"curves.png", "confusion.png"} <= {path.name for path in tmp_path.iterdir()}


def test_label_smoothing_changes_the_training_loss_alone(tmp_path, still):
    run(tmp_path, **STILL, label_smoothing=0.3)
    (record,) = records(tmp_path)
    assert record["train_loss"] > still["train_loss"] + 0.01
    assert record["train_accuracy"] == still["train_accuracy"]
    assert record["test_loss"] == still["test_loss"]


def test_augmentation_changes_training_and_not_evaluation(tmp_path, still):
    run(tmp_path, **STILL, augment=("flip", "pad_crop=6"))
    (record,) = records(tmp_path)
    assert abs(record["train_loss"] - still["train_loss"]) > 0.01
    assert record["test_loss"] == still["test_loss"]


def test_augmentations_by_name_mix_labels_and_change_sizes():
    batch = {
        "image": jax.ShapeDtypeStruct((4, 36, 32, 3), np.uint8),
        "label": jax.ShapeDtypeStruct((4,), np.int32),
    }
    every = [f"{name}=24" if k.number is None else name for name, k in augmentations.KINDS.items()]
    made = augmentations.augmentation(every, 7)
    after = jax.eval_shape(made, jax.random.key(0), batch)
    assert (after["image"].shape, after["image"].dtype) == ((4, 24, 24, 3), np.uint8)
    assert (after["label"].shape, after["label"].dtype) == ((4, 7), np.float32)


def test_evaluation_sees_the_center_where_augmentation_changes_the_size(tmp_path):
    run(tmp_path, epochs=0, augment=("random_resized_crop=20",))
    network = networks.Network.of(json.loads((tmp_path / "config.json").read_text())["network"])
    assert (network.stored, network.shape) == ((28, 28, 1), (20, 20, 1))
    image = data.load("fashion_mnist_small", "test").images[:1]
    seen = network.prepare()({"image": image}, None)["image"]
    pixels = np.asarray(seen, np.float64) * 0.353 + 0.286
    np.testing.assert_allclose(pixels, image[:, 4:24, 4:24] / 255, atol=1e-5)


def test_bfloat16_is_close_and_another(tmp_path, still):
    run(tmp_path, **STILL, dtype="bfloat16")
    (record,) = records(tmp_path)
    assert 0 < abs(record["test_loss"] - still["test_loss"]) < 0.02
    assert {array.dtype for array in weights(tmp_path).values()} == {np.dtype("float32")}


@pytest.mark.parametrize("place", ["weights.safetensors", "."])
def test_it_starts_with_weights(place, tmp_path, plain):
    run(tmp_path, **STILL, weights=plain[0] / place)
    assert records(tmp_path)[0]["test_loss"] == records(plain[0])[-1]["test_loss"]


def test_weights_of_other_classes_can_be_skipped(tmp_path, plain, initial):
    file = plain[0] / "weights.safetensors"
    run(tmp_path, **STILL, weights=file, weights_skip=("logits",))
    ours, theirs = weights(tmp_path), files.read_arrays(file)
    np.testing.assert_array_equal(ours["dense1.kernel"], theirs["dense1.kernel"])
    np.testing.assert_array_equal(ours["logits.kernel"], initial["logits.kernel"])


@pytest.mark.parametrize(
    "options", [{"frozen": ("dense1",), "weight_decay": 0.1}, {"rates": ("dense1=0",)}]
)
def test_frozen_layers_keep_every_bit(options, tmp_path, initial):
    run(tmp_path, **options, epochs=1)
    for name, array in weights(tmp_path).items():
        assert np.array_equal(array, initial[name]) == name.startswith("dense1"), name


def test_an_average_is_evaluated_and_written(tmp_path, plain):
    run(tmp_path, average=0.5)
    for record, without in zip(records(tmp_path), records(plain[0]), strict=True):
        assert record["test_loss"] == without["test_loss"]  # the average changes no step
        assert record["average_loss"] != record["test_loss"]
    last, average = weights(tmp_path), weights(tmp_path, "_average")
    assert last.keys() == average.keys()
    assert (tmp_path / "weights_best_average.safetensors").exists()
    assert any(not np.array_equal(last[name], average[name]) for name in last)
    metrics = json.loads((tmp_path / "result.json").read_text())["metrics"]
    assert metrics["average_accuracy"] == records(tmp_path)[-1]["average_accuracy"]


def test_patience_ends_early(tmp_path):
    assert run(tmp_path, **STILL | {"epochs": 9}, patience=2).epochs == 3


def test_the_best_may_be_the_lowest_loss(tmp_path):
    options = {"optimizer": "sgd", "schedule": "constant", "learning_rate": 1.0, "momentum": 0.0}
    run(tmp_path, **options, epochs=4, best="test_loss", clip=30.0, seed=1)
    losses = [record["test_loss"] for record in records(tmp_path)]
    best, last = weights(tmp_path, "_best"), weights(tmp_path)
    same = all(np.array_equal(best[name], last[name]) for name in last)
    assert same == (int(np.argmin(losses)) == 3)


def test_gradients_of_two_steps_make_one_update(tmp_path):
    options = {"optimizer": "sgd", "schedule": "constant", "learning_rate": 0.01, "epochs": 1}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, **options)
    run(parts, **options, batch_size=64, accumulate=2)
    for name, array in weights(whole).items():
        np.testing.assert_allclose(weights(parts)[name], array, rtol=1e-4, atol=1e-6)


def test_a_clipped_gradient_moves_the_parameters_so_far(tmp_path, initial):
    options = {"optimizer": "sgd", "schedule": "constant", "learning_rate": 0.5, "momentum": 0.0}
    run(tmp_path, **options, epochs=1, clip=0.01)
    moved = sum(np.sum((array - initial[name]) ** 2) for name, array in weights(tmp_path).items())
    assert 0 < np.sqrt(moved) < 5 * 0.5 * 0.01 * 1.001  # 5 steps


@pytest.mark.parametrize(
    "options",
    [{"devices": 8}, {"devices": 8, "model_axis": 2}, {"devices": 4, "fully_sharded": True}],
)
def test_several_devices_give_the_numbers_of_one(options, tmp_path, plain):
    run(tmp_path, **options)
    ours, theirs = records(tmp_path), records(plain[0])
    for name in ("train_loss", "test_loss"):
        assert [r[name] for r in ours] == pytest.approx([r[name] for r in theirs], abs=1e-4)


def test_a_folder_of_images_of_any_size_is_learned(tmp_path):
    options = {"dataset": str(pictures(tmp_path / "pets")), "size": 12, "batch_size": 20}
    result = run(tmp_path / "run", **options, learning_rate=0.01, epochs=4, stream=True)
    assert result.test_accuracy == 1
    network = json.loads((tmp_path / "run" / "config.json").read_text())["network"]
    assert (network["stored"], network["classes"]) == ([12, 12, 3], ["bright", "dark"])
    assert len(network["mean"]) == 3  # computed from the training images
    assert 0.4 < network["mean"][0] < 0.6
    assert [*records(tmp_path / "run")[0]] == [
        *("epoch", "step", "train_loss", "train_accuracy"),
        *("test_loss", "test_accuracy", "test_calibration"),
    ]


def test_a_stream_leaves_out_what_is_no_number(tmp_path, monkeypatch, plain):
    opened = data.source

    class Named:  # as ImageNet has it
        def __init__(self, records):
            self.records = records

        def __len__(self):
            return len(self.records)

        def read(self, indices):
            examples = self.records.read(indices)
            return [{**e, "label": np.int64(e["label"]), "file_name": b"n01.jpg"} for e in examples]

    def source(*given, **options):
        made = opened(*given, **options)
        return dataclasses.replace(made, records=Named(made.records))

    monkeypatch.setattr(data, "source", source)
    run(tmp_path, epochs=2, stream=True)
    np.testing.assert_allclose(numbers(tmp_path), numbers(plain[0]), rtol=1e-5)


def test_patches_are_whitened_by_a_layer_that_is_not_trained(tmp_path, plain):
    run(tmp_path, whiten=2, epochs=1)
    kernel = weights(tmp_path)["whiten.kernel"]
    images = data.load("fashion_mnist_small", "train").images[:640]
    prepared = (np.float32(images) / 255 - np.float32(0.286)) / np.float32(0.353)
    patches = np.lib.stride_tricks.sliding_window_view(prepared[..., 0], (2, 2), (1, 2))
    outputs = patches.reshape(-1, 4) @ kernel.reshape(4, 8)[:, :4]
    np.testing.assert_allclose(outputs.T @ outputs / len(outputs), np.eye(4), atol=0.02)


def test_steps_that_are_not_finite_are_counted(tmp_path, still):
    run(tmp_path, **STILL, skip_nonfinite=True)
    (record,) = records(tmp_path)
    assert record.pop("train_skipped") == 0
    assert record == pytest.approx(still, rel=1e-6)


class Interrupted(Exception):
    """As if the process had been killed."""


def test_a_killed_run_resumes_to_the_same_bits(tmp_path, monkeypatch):
    options = {"augment": ("flip",), "average": 0.9, "optimizer": "nesterov", "save_every": 3}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, **options)

    def killed(self, made):
        if made == 9:  # in the second epoch; 6 are saved
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(watching.Watch, "report", killed)
        with pytest.raises(Interrupted):
            run(parts, **options)
    assert len(records(parts)) == 1
    second = train.main(Config(workdir=parts, resume=True, devices=1))  # it knows the rest
    assert second.epochs == 2
    assert records(parts) == records(whole)
    for kind in ("", "_best", "_average", "_best_average"):
        for name, array in weights(whole, kind).items():
            np.testing.assert_array_equal(weights(parts, kind)[name], array)
    again = train.main(Config(workdir=parts, resume=True, devices=1))  # nothing is left to do
    assert again.test_accuracy == second.test_accuracy


def test_a_profile_and_a_log_are_written(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((name, step))

        def close(self):
            written.append(self.folder)

    fake = types.SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "tensorboardX", fake)
    run(tmp_path, profile=True, tensorboard=True)
    assert {("loss/train", 5), ("accuracy/test", 10), ("seconds", 10)} <= set(written[:-1])
    assert written[-1] == str(tmp_path / "tensorboard")
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


# The schedule and the optimizer, without training.
PLAN = Plan("sgd", "constant", 0.1, 0.0, (0.5, 0.75), 0.0, 0.9, 0.0, (), 1, 0.0)


def rates(updates, rising=0, **options):
    rate = Plan(**{**vars(PLAN), **options}).rate(updates, rising)
    with jax.numpy_dtype_promotion("standard"):
        return np.asarray([rate(step) for step in range(updates)], np.float64)


def test_schedules():
    np.testing.assert_allclose(rates(10), 0.1)
    steps = rates(100, schedule="step")
    np.testing.assert_allclose(steps, np.repeat([0.1, 0.01, 0.001], [50, 25, 25]), rtol=1e-6)
    warm = rates(100, 20, schedule="step")
    np.testing.assert_allclose(
        warm[:20], 0.1 / 21 + (0.1 - 0.1 / 21) * np.arange(20) / 20, rtol=1e-5
    )
    np.testing.assert_allclose(warm[20:], steps[20:], rtol=1e-6)
    cosine = rates(100, schedule="cosine")
    np.testing.assert_allclose(cosine, 0.05 * (1 + np.cos(np.pi * np.arange(100) / 100)), rtol=1e-4)
    assert rates(100, schedule="one-cycle").argmax() == 30
    assert rates(100, 10, schedule="one-cycle").argmax() == 10


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adamw", "lamb", "lars"])
def test_every_optimizer_lowers_a_loss_and_spares_biases_from_decay(optimizer):
    made = Plan(**{**vars(PLAN), "optimizer": optimizer, "weight_decay": 0.5}).make(1, 10)
    params = {"kernel": np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32)}
    zeros = jax.tree.map(np.zeros_like, params)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        updates, _ = made.update(zeros, made.init(params), params)
        assert not np.asarray(updates["bias"]).any()
        assert (np.asarray(updates["kernel"]) < 0).all()
        updates, _ = made.update(params, made.init(params), params)
    assert all((np.asarray(update) < 0).all() for update in updates.values())


# Recipes.
def test_options_win_over_a_recipe_and_the_rest_stays():
    recipe = recipes.RECIPES["resnet20_cifar10"]
    words = ["--preset", "resnet20_cifar10", "--learning-rate", "0.5", "--augment", "flip"]
    config = recipes.parse("", words)
    assert (config.learning_rate, config.augment) == (0.5, ("flip",))
    for name in recipe.keys() - {"learning_rate", "augment"}:
        assert getattr(config, name) == recipe[name], name
    assert config == train.preset("resnet20_cifar10", learning_rate=0.5, augment=("flip",))
    # An option that is given wins with the value that it has without a recipe, too.
    default = Config().learning_rate
    words = ["--preset=resnet20_cifar10", "--learning-rate", str(default)]
    assert recipes.parse("", words).learning_rate == default != recipe["learning_rate"]


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_are_options_that_fit_their_network(name):
    config = train.preset(name)
    assert config.best_epoch
    assert config.plan.make(2, 10)
    assert recipes.parse("", ["--preset", name]) == config


def test_help_lists_the_recipes(capsys):
    with pytest.raises(SystemExit):
        recipes.parse("", ["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in recipes.RECIPES)


def test_the_recipe_with_data_at_hand_runs(tmp_path):
    config = train.preset("lenet_fashion_mnist", **HERE, workdir=tmp_path, epochs=1)
    assert train.main(config).epochs == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--resume"], "`--resume` needs `--workdir`"),
        (["--preset", "resnet20"], "`--preset` must be one of 'lenet_fashion_mnist', "),
        (["--preset", "resnet20_cifar10", "--resume"], "`--preset` must be left out with"),
        (["--preset"], "`--preset` must be one of 'lenet_fashion_mnist', "),
        (["--model", "lennet"], " names; got 'lennet'. Did you mean"),
        (["--model", "wavenet"], "`--model` wavenet is no classifier of images of 28x28x1."),
        (["--model", "densenet121"], "`--model` densenet121 cannot take images of 28x28x1: "),
        (["--model-options", "{"], "`--model-options` must be a JSON object"),
        (["--model-options", "[]"], "`--model-options` must be a JSON object"),
        (
            ["--model-options", '{"dropuot": 1}'],
            "`--model-options` of lenet are activation, pool, norm, dropout; got 'dropuot'. "
            "Did you",
        ),
        (["--model-options", '{"dropout": 2}'], "`--model-options`: `dropout` must be a number"),
        (["--dataset", "mnst"], "`--dataset` must be one of "),
        (["--dataset", "./nowhere"], "nowhere"),
        (["--dataset", "PETS"], "`--size` must be given: the images of"),
        (["--test-split", "validation"], "`--test-split` must be one of 'train', 'test'"),
        (["--dataset", "cifar10", "--folder", "nowhere"], "nowhere"),
        (["--augment", "flop"], "`--augment` must be one of 'flip', "),
        (["--augment", "pad_crop=x"], "`--augment` pad_crop needs a number, such as pad_crop=4"),
        (["--augment", "random_resized_crop"], "random_resized_crop needs a number, such as"),
        (["--augment", "flip=3"], "`--augment` flip=3: `probability` must be"),
        (["--augment", "random_resized_crop=40"], "give a larger `--size`; got 40x40."),
        (["--batch-size", "7000"], "`--batch-size` must be at most the number of training images"),
        (["--rates", "conv1"], "`--rates` must be PATH=FACTOR, such as stem=0.1; got 'conv1'."),
        (["--rates", "convv=1"], "`--rates` must hold paths of the model; none of its arrays"),
        (["--frozen", "convv"], "`--frozen` must hold paths of the model; none of its arrays"),
        (["--best", "accuracy"], "`--best` must be one of 'train_accuracy', "),
        (["--devices", "9"], "`--devices` must be in [1, 8], as JAX finds; got 9."),
        (["--devices", "8", "--model-axis", "3"], "`--model-axis` must be a divisor of 8 devices"),
        (["--devices", "8", "--batch-size", "12"], "`--batch-size` must be a multiple of the 8"),
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--tensorboard"], "`--tensorboard` needs tensorboardX, which is not installed: pip"),
        (["--learning-rate", "1e30", "--optimizer", "sgd", "--model", "mlp"], "loss became"),
    ],
)
def test_a_mistake_is_told_what_to_do_in_one_line(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    words = [pictures(tmp_path / "pets") if word == "PETS" else word for word in words]
    error = command_line(monkeypatch, capsys, "--smoke", *words)
    assert text in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--batch-size", "0"], "`--batch-size` must be at least 1; got 0."),
        (["--epochs", "-1"], "`--epochs` must be in [0, 100000]; got -1."),
        (["--learning-rate", "nan"], "`--learning-rate` must be positive and finite; got nan."),
        (["--average", "1"], "`--average` must be in [0, 1); got 1.0."),
        (["--drop-at", "2"], "`--drop-at` must be in (0, 1); got (2.0,)."),
        (["--algorithm", "cudnn"], "`--algorithm` must be one of "),
        (["--stream", "--resident"], "`--stream` must be left out with --resident"),
        (["--learning-rat", "1"], "learning-rate"),
        (["--optimizer", "adam"], "adamw"),
    ],
)
def test_a_wrong_value_is_told_at_once(words, text, monkeypatch, capsys):
    error = command_line(monkeypatch, capsys, *words)
    assert text in error
    assert "Traceback" not in error


def test_a_resumed_run_keeps_its_options(plain, monkeypatch, capsys):
    words = ["--workdir", plain[0], "--resume", "--augment", "flip"]
    error = command_line(monkeypatch, capsys, *words)
    assert f"`--augment` was [] in {plain[0] / 'config.json'}" in error


@pytest.mark.parametrize("experiment", [train, lenet])
def test_a_signal_inside_of_an_epoch_ends_the_run_in_good_order(
    experiment, tmp_path, monkeypatch, capsys, plain
):
    monkeypatch.setattr("cnn_jax.training._run.SECONDS", 1e-6)  # a step at a time
    reported = watching.Watch.report

    def interrupted(self, made):
        reported(self, made)
        if made == 7:  # 2 steps into the second epoch
            signal.raise_signal(signal.SIGINT)

    options = SMALL if experiment is train else HERE
    with monkeypatch.context() as patch:
        patch.setattr(watching.Watch, "report", interrupted)
        ended = experiment.main(experiment.Config(workdir=tmp_path, **options))
    assert (ended.epochs, ended.exit_code) == (1, 128 + signal.SIGINT)
    assert f"--workdir {tmp_path} --resume" in capsys.readouterr().out
    if experiment is train:
        again = train.main(Config(workdir=tmp_path, resume=True, devices=1))
        assert again.exit_code == 0
        assert records(tmp_path) == records(plain[0])
