"""The command ``python -m cnn_jax.analysis``."""

import base64
import re
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
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
