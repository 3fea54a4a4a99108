"""The command ``python -m cnn_jax.analysis``."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tyro
from flax import nnx
from PIL import Image

from cnn_jax import files, models
from cnn_jax import functional as F
from cnn_jax.analysis import _measured
from cnn_jax.analysis.__main__ import Config, known, main, network


class Tiny(nnx.Module):
    """A network of somebody else."""

    def __init__(self, in_channels: int = 1, *, rngs: nnx.Rngs):
        self.conv = nnx.Conv(in_channels, 2, (3, 3), padding="VALID", rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.conv(x))


class Needy(nnx.Module):
    def __init__(self, width, *, rngs): ...


class Odd(nnx.Module):
    def __init__(s, width, *, rngs): ...


class Odder(nnx.Module):
    def __init__(s, *, rngs):
        s.kernel = nnx.Param(jnp.ones((1, 2)))

    def __call__(s, x):
        return x @ s.kernel[...]


globals()["<b>&"] = Tiny


def tiny_function(x):
    return x.sum((1, 2))


HERE = "tests.analysis.test_command"


@pytest.fixture(autouse=True, scope="module")
def no_kernels_are_compiled():
    with F.using(algorithm="xla"):
        yield


@pytest.mark.parametrize(
    ("arguments", "size", "stage"),
    [
        (["lenet", "--input", "28,28,1"], "16 x 16", "pool2"),
        (["lenet", "--input", "32,32,3", "--output", "conv1", "--unit", "0,3"], "5 x 5", "conv1"),
        ([f"{HERE}:Tiny", "--input", "8,9,4"], "3 x 3", "the output"),
    ],
)
def test_it_prints_and_writes(arguments, size, stage, tmp_path, capsys):
    config = tyro.cli(Config, args=[*arguments, "--out", str(tmp_path / "new")])
    page, picture = main(config)
    printed = capsys.readouterr().out
    assert "conv1" in printed or "conv " in printed
    assert f"The unit is of {stage}. Wrote {page}, {picture}." in printed
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [picture.name, page.name]
    text = page.read_text(encoding="utf-8")
    assert text.count("<tr>") == len(re.findall(r"^\S.* conv ", printed, re.M)) + (
        6 if arguments[0] == "lenet" else 1
    )
    with Image.open(picture) as image:
        assert min(image.size) > 200


def test_nothing_in_space_makes_no_picture(tmp_path, capsys):
    written = main(Config(f"{HERE}:tiny_function", "4,4,1", Path(tmp_path)))
    assert [path.name for path in written] == ["summary.html"]
    assert "there is no receptive field to draw" in capsys.readouterr().out


def test_the_page_holds_the_picture_and_escapes_the_name(tmp_path):
    page, picture = main(Config(f"{HERE}:<b>&", "8,8,1", tmp_path))
    text = page.read_text(encoding="utf-8")
    assert "<title>tests.analysis.test_command:&lt;b&gt;&amp;, input 8x8x1</title>" in text
    assert "<b>" not in text
    data = re.search(r'src="data:image/png;base64,([^"]+)"', text)
    assert data is not None
    assert base64.b64decode(data[1]) == picture.read_bytes()
    assert not re.search(r'(src|href)="(?!data:)', text)


@pytest.mark.parametrize("lines", [0, 3])
def test_who_reads_the_table_may_stop_before_its_end(lines, tmp_path):
    """As by ``| head``: everything is written, and there is no traceback."""
    command = [sys.executable, "-m", "cnn_jax.analysis", "lenet", "--input", "28,28,1", "--out"]
    with subprocess.Popen(
        [*command, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"summary.html", "receptive_field.png"}


def test_itself_may_have_any_name():
    assert isinstance(network(f"{HERE}:Odder", (4, 4, 1)), Odder)


def test_networks_are_in_eval_mode_and_without_values():
    model = network(f"{HERE}:Tiny", (8, 8, 4))
    assert model.conv.kernel.shape == (3, 3, 4, 2)
    assert model.dropout.deterministic


def test_known_networks():
    assert {"lenet", "vgg16", "resnet50", "densenet121", "convnext_tiny"} <= set(known())
    assert not {"resnet", "load_weights", "save_weights"} & set(known())


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (Config("nothing like it"), "`model` must be module:name or one of alexnet, "),
        (
            Config("rsnet50"),
            "or a constructor of `cnn_jax.models`; got 'rsnet50'. Did you mean 'resnet50'?",
        ),
        (Config(f"{HERE}:Odd"), "it needs `width`: name a function that gives them."),
        (Config("lenet", "28x28"), "`input` must be ints from 1 on with commas between"),
        (Config("lenet", "28,0,1"), "got '28,0,1'."),
        (
            Config("resnet18", "64,64"),
            "with 64,64 the batch axis in front was taken",
        ),
        (Config("lenet"), "one of 28, 32; got 224. That was with --input 224,224,3; give another."),
        (Config(f"{HERE}:HERE"), "a function; it is 'tests.analysis.test_command'."),
        (Config(f"{HERE}:Needy"), "it needs `width`: name a function that gives them."),
        (Config("no_module:foo"), "`model` no_module:foo cannot be imported: No module named"),
        (Config(f"{HERE}:foo"), "has no attribute 'foo'."),
        (Config("lenet", "28,28,1", unit="a"), "`unit` must be ints from 0 on"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(config, text, tmp_path):
    with pytest.raises(ValueError, match=re.escape(text)):
        main(Config(config.model, config.input, tmp_path, config.unit))


def lenet_file(folder, metadata={}, change=lambda arrays: None, **options):  # noqa: B006
    """A file of LeNet's weights, as a run leaves them."""
    file = folder / "weights.safetensors"
    models.save_weights(models.lenet(rngs=nnx.Rngs(0), **options), file)
    arrays = files.read_arrays(file)
    change(arrays)
    files.write_arrays(file, arrays, metadata)
    return file


def blind(arrays):
    """Makes the first layer see its window's middle alone."""
    kernel = np.zeros_like(arrays["conv1.kernel"])
    kernel[2, 2] = arrays["conv1.kernel"][2, 2]
    arrays["conv1.kernel"] = kernel


def said_by(capsys, *arguments):
    """The lines that are printed, and the names of the files that are written."""
    written = main(tyro.cli(Config, args=list(map(str, arguments))))
    return capsys.readouterr().out.splitlines(), [path.name for path in written]


WITH_WEIGHTS = ["invariance_by_layer.png", "gradient_norms.png", "kernels.png"]
WITH_WEIGHTS += ["feature_maps_the_input.png"]
STAGES = ["conv1", "pool1", "conv2", "pool2"]
OF_LENET = [*WITH_WEIGHTS, *(f"feature_maps_{stage}.png" for stage in STAGES)]


@pytest.fixture
def fields_alone(monkeypatch):
    """Ask no more than about the effective field and equivariance."""
    monkeypatch.setattr(_measured, "QUESTIONS", _measured.QUESTIONS[:2])


def test_everything_is_drawn_and_stands_on_the_page(tmp_path, capsys):
    file = lenet_file(tmp_path)
    call = ["lenet", "--input", "28,28,1", "--out", tmp_path / "out", "--weights", file]
    lines, written = said_by(capsys, *call)
    fields = ["receptive_field.png", "effective_field.png", "equivariance.png"]
    assert written == ["summary.html", *fields, *OF_LENET]
    said = lines[-len(written) + 1 : -1]
    page = (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
    assert page.count("<img ") == len(written) - 1
    assert all(f'alt="{line}"' in page for line in said)
    changes = re.fullmatch(r"The photo moved by 7 changes the layers by: (.*)\.", said[2])
    assert changes is not None
    names = [change.split()[0] for change in changes[1].split(", ")]
    assert names == [*STAGES, "dense1", "dense2", "logits"]
    gradients = r"The norm of the gradient by layers, for 8 random inputs: first \S+ \(conv1\), "
    gradients += r"last \S+ \(logits\), least .*\. The loss is the cross entropy of the class .*"
    assert re.fullmatch(gradients, said[3])
    assert said[4] == "The kernels of conv1, 5x5x1x6."
    assert said[5] == "The channels of the input for the photo, 28x28x1."
    assert said[-1] == "The channels of pool2 for the photo, 5x5x16."


@pytest.mark.usefixtures("fields_alone")
def test_weights_are_measured(tmp_path, capsys):
    """The effective field of one unit after another: a narrow kernel has a narrow field."""
    call = ["lenet", "--input", "28,28,1", "--output", "conv1", "--out", tmp_path / "out"]
    plain, written = said_by(capsys, *call)
    assert written == ["summary.html", "receptive_field.png"]
    seen, pages = {}, {}
    for name, change in (("wide", lambda arrays: None), ("narrow", blind)):
        (tmp_path / name).mkdir()
        file = lenet_file(tmp_path / name, change=change)
        lines, written = said_by(capsys, *call, "--weights", file)
        assert written == [
            "summary.html", "receptive_field.png", "effective_field.png", "equivariance.png"
        ]  # fmt: skip
        assert [line for line in lines if line not in plain][:-1] == lines[-3:-1]
        seen[name] = lines[-3]
        pages[name] = (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
        assert f"weights {file}</title>" in pages[name]
        assert lines[-3] in pages[name]
        assert re.search(r"conv1 for an input rolled along its axes: 0\.000 at 0, 0\.\d", lines[-2])
    start = "The effective field of unit (0, 14, 14, 0) of conv1 has standard deviation "
    assert seen["narrow"] == start + "0.00 x 0.00."
    widths = re.fullmatch(re.escape(start) + r"(1\.\d\d) x (1\.\d\d)\.", seen["wide"])
    assert widths is not None
    assert pages["wide"] != pages["narrow"]


@pytest.mark.usefixtures("fields_alone")
def test_what_no_input_changes_has_no_field(tmp_path, capsys):
    file = lenet_file(tmp_path, change=lambda arrays: arrays["conv1.kernel"].fill(0))
    call = ["lenet", "--input", "28,28,1", "--output", "conv1", "--out", tmp_path]
    lines, written = said_by(capsys, *call, "--weights", file)
    assert "effective_field.png" not in written
    assert "Unit (0, 14, 14, 0) of conv1 does not depend on the input." in lines


def test_a_file_may_name_its_network(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_measured, "QUESTIONS", ())
    options = {"num_classes": 7, "activation": "tanh"}
    metadata = {"model": "lenet", "model_options": json.dumps(options)}
    file = lenet_file(tmp_path, metadata, **options)
    call = ["--input", "28,28,1", "--out", tmp_path / "out", "--weights"]
    found, _ = said_by(capsys, *call, tmp_path)
    assert any(re.search(r"^logits .* 1x7 ", line) for line in found)
    assert said_by(capsys, "lenet", *call, file)[0] == found
    with pytest.raises(ValueError, match="does not fit the model"):
        said_by(capsys, "lenet1998", *call, file)
    file = lenet_file(tmp_path, {"model": "lenet"})
    assert any(re.search(r"^logits .* 1x10 ", line) for line in said_by(capsys, *call, file)[0])


@pytest.mark.usefixtures("fields_alone")
def test_networks_of_others_have_weights(tmp_path, capsys):
    model = Tiny(in_channels=4, rngs=nnx.Rngs(0))
    models.save_weights(model, tmp_path / "tiny.npz")
    call = [f"{HERE}:Tiny", "--input", "8,9,4", "--out", tmp_path, "--weights"]
    lines, written = said_by(capsys, *call, tmp_path / "tiny.npz")
    assert "effective_field.png" in written
    assert "The effective field of unit (0, 3, 3, 0) of the output has " in "\n".join(lines)


def test_a_network_along_one_axis_is_drawn_in_curves(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_measured, "QUESTIONS", _measured.QUESTIONS[4:])
    models.save_weights(models.mnist1d(rngs=nnx.Rngs(0)), tmp_path / "weights.npz")
    call = ["mnist1d", "--input", "40,1", "--out", tmp_path, "--weights", tmp_path / "weights.npz"]
    lines, written = said_by(capsys, *call)
    stages = [f"feature_maps_conv{i}.png" for i in (1, 2, 3)]
    assert written[2:] == [*WITH_WEIGHTS[2:], *stages]
    assert "The kernels of conv1, 3x1x15." in lines
    assert "The channels of conv3 for the photo, 4x15." in lines


class Logits(nnx.Module):
    """A network of somebody else that returns only logits."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.conv = nnx.Conv(3, 2, (3, 3), rngs=rngs)

    def __call__(self, x):
        return self.conv(x).mean((1, 2))


def test_layers_are_looked_into_where_only_logits_are_returned(tmp_path, capsys):
    models.save_weights(Logits(rngs=nnx.Rngs(0)), tmp_path / "weights.npz")
    Image.effect_noise((30, 20), 50).save(tmp_path / "noise.png")
    call = [f"{HERE}:Logits", "--input", "16,16,3", "--out", tmp_path]
    call += ["--weights", tmp_path / "weights.npz", "--image", tmp_path / "noise.png"]
    lines, written = said_by(capsys, *call)
    assert written == ["summary.html", *WITH_WEIGHTS, "feature_maps_conv.png"]
    line = next(line for line in lines if "changes the layers by" in line)
    conv, mean = re.fullmatch(r".*: conv (\d\.\d\d), .*pool_1 (\d\.\d\d)\.", line).groups()
    assert float(mean) < float(conv) > 1.0  # noise, moved, is another noise
    assert any("by layers, for the image: first " in line for line in lines)
    with pytest.raises(ValueError, match=r"`image` no\.png cannot be read"):
        said_by(capsys, *call[:-1], "no.png")


class Pair(nnx.Module):
    """Two dense layers, and one that is not used, as a function of vectors."""

    def __init__(self, outputs, *, rngs: nnx.Rngs):
        self.first, self.last = nnx.Linear(5, 4, rngs=rngs), nnx.Linear(4, outputs, rngs=rngs)
        self.idle = nnx.Linear(2, 2, rngs=rngs)

    def __call__(self, x):
        return self.last(jnp.tanh(self.first(x)))


def gradients_of(network, folder, image=None, shape=(5,)):
    asked = _measured.Asked(network, shape, None, None, image, folder)
    return list(_measured.gradients_of_layers(asked))


@pytest.mark.parametrize("outputs", [3, 1])
def test_gradients_are_those_of_a_loss_without_labels(outputs, tmp_path):
    """Against the losses written out: logits of 3 classes, and one number that is no logit."""
    network = Pair(outputs, rngs=nnx.Rngs(0))
    weights = {
        name: {"kernel": layer.kernel[...], "bias": layer.bias[...]}
        for name, layer in (("first", network.first), ("last", network.last))
    }
    x = jax.random.normal(jax.random.key(0), (8, 5))

    def loss(weights):
        hidden = jnp.tanh(x @ weights["first"]["kernel"] + weights["first"]["bias"][None])
        y = hidden @ weights["last"]["kernel"] + weights["last"]["bias"][None]
        if outputs == 1:
            return (y**2).sum() / 2 / 8
        second = y.argsort(axis=-1)[:, -2]
        return -jnp.log(jax.nn.softmax(y)[jnp.arange(8), second]).mean()

    gradients = jax.grad(loss)(weights)
    norms = [
        float(jnp.sqrt(sum((array**2).sum() for array in gradients[name].values())))
        for name in ("first", "last")
    ]
    [(picture, said)] = gradients_of(network, tmp_path)
    assert picture == tmp_path / "gradient_norms.png"
    found = re.search(r"first (\S+) \(first\), last (\S+) \(last\), .*, and 0 in 1 more", said)
    assert found is not None
    np.testing.assert_allclose(list(map(float, found.groups())), norms, rtol=6e-3)
    assert ("no logits" in said) == (outputs == 1)


def test_a_sure_network_still_has_gradients():
    logits = jnp.array([[60.0, 0.0, -5.0], [0.0, 0.0, 0.0]])
    sure, unsure = jax.grad(_measured.cross_entropy_of_the_second)(logits) * 2
    np.testing.assert_allclose(sure, [1, -1, 0], atol=1e-6)
    assert jnp.linalg.norm(unsure) > 0.5


def test_half_of_squares_is_of_all_floats_for_each_input():
    y = {"a": jnp.array([[1.0, 2.0], [3.0, 4.0]]), "b": jnp.array([2.0, 0.0]), "c": jnp.arange(2)}
    assert float(_measured.half_of_squares(y)) == (30 + 4) / 2 / 2


def test_without_parameters_or_gradients_there_is_no_picture(tmp_path):
    class Fixed(nnx.Module):
        def __call__(self, x):
            return 2 * x

    assert gradients_of(Fixed(), tmp_path) == []
    network = Pair(1, rngs=nnx.Rngs(0))
    network.last.kernel[...] = jnp.zeros((4, 1))
    [(picture, said)] = gradients_of(network, tmp_path)
    assert picture is None
    assert said.startswith("The gradient is 0 in all layers, for 8 random inputs. The loss is ")


def test_the_photo_becomes_what_the_network_is_given():
    image = np.zeros((40, 60, 3), np.float32)
    image[:, 30:] = (0.5, 0.6, 1.0)
    for shape in ((20, 30, 3), (20, 30, 1), (30, 2), (4, 20, 30, 3)):
        x = np.asarray(_measured.example(shape, image))
        assert x.shape == (1, *shape)
        np.testing.assert_allclose((x.mean(), x.std()), (0, 1), atol=1e-5)
        left, right = (x[..., :13, :], x[..., 17:, :])
        assert left.max() < 0 < right[..., -1].min()
        assert np.ptp(left) == 0
    assert np.asarray(_measured.example((20, 30, 3), image))[0, 0, -1].argmax() == 2


def damage(file):
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)


@pytest.mark.parametrize(
    ("metadata", "model", "text"),
    [
        ({}, "", "`model` must be given: `weights` {file} does not name one."),
        ({"model": "os:system"}, "", "`weights` {file} are of 'os:system', which is not in `cnn_"),
        ({"model": "lenet", "model_options": "["}, "", "`weights` {file} have no options of lenet"),
        ({"model": "lenet", "model_options": "[]"}, "", "`weights` {file} have no options of lene"),
        ({"model": "lenet", "model_options": '{"a": 1}'}, "lenet", "have no options of lenet in "),
        (
            {"model": "lenet", "model_options": '{"num_classes": "7"}'},
            "",
            "`weights` {file}, its `model_options`: `num_classes` must be",
        ),
        (
            {},
            "lenet1998",
            "`weights` {file} does not fit the model, nothing was loaded (by cnn_jax's names): ",
        ),
        ({}, f"{HERE}:tiny_function", "`weights` {file} need an NNX module; `model` is <function"),
    ],
)
def test_weights_that_do_not_fit_are_told_in_one_line(metadata, model, text, tmp_path):
    file = lenet_file(tmp_path, metadata)
    shape = "32,32,1" if "1998" in model else "28,28,1"
    with pytest.raises(ValueError, match=re.escape(text.format(file=file))) as error:
        main(Config(model, shape, tmp_path / "out", weights=file))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_other_arrays_are_named(tmp_path):
    file = lenet_file(tmp_path, change=lambda arrays: arrays.pop("conv2.bias"), num_classes=7)
    with pytest.raises(ValueError, match="does not fit the model") as error:
        main(Config("lenet", "28,28,1", tmp_path, weights=file))
    text = "(by cnn_jax's names): 1 missing (in the model, not in the file): conv2.bias; 2 of a wr"
    assert text in str(error.value)
    text = "logits.kernel has (84, 7) in the file, the model needs (84, 10)."
    assert str(error.value).endswith(text)


@pytest.mark.usefixtures("fields_alone")
def test_a_stage_without_places_has_a_field_and_no_shifts(tmp_path, capsys):
    call = ["lenet", "--input", "28,28,1", "--output", "logits", "--out", tmp_path]
    lines, written = said_by(capsys, *call, "--weights", lenet_file(tmp_path))
    assert written == ["summary.html", "receptive_field.png", "effective_field.png"]
    assert "The effective field of unit (0, 0) of logits has standard dev" in "\n".join(lines)


@pytest.mark.parametrize("weights", ["no.npz", "empty", "damaged.safetensors", "text.txt"])
def test_files_that_are_no_weights_end_the_command_with_one_line(weights, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no weights")
    damage(lenet_file(tmp_path).rename(tmp_path / "damaged.safetensors"))
    command = [sys.executable, "-m", "cnn_jax.analysis", "lenet", "--input", "28,28,1"]
    done = subprocess.run(
        [*command, "--weights", str(tmp_path / weights)], capture_output=True, text=True
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    text = {
        "no.npz": r"`weights` \S*no\.npz does not exist\.",
        "empty": r"`weights` \S*weights\.safetensors does not exist\.",
        "damaged.safetensors": r"`weights` \S* is no whole \.safetensors file \(its SHA-256",
        "text.txt": r"`weights` must end in \.safetensors or \.npz; got",
    }[weights]
    assert re.match(f"ValueError: {text}", line)
