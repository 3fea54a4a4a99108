"""The command ``python -m cnn_jax.analysis``."""

import re
from pathlib import Path

import pytest
import tyro
from flax import nnx
from PIL import Image

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


def tiny_function(x):
    return x.sum((1, 2))


HERE = "tests.analysis.test_command"


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
    assert f"(of {stage})" in printed
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
        (Config("lenet6"), "`model` must be module:name or one of alexnet, "),
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
