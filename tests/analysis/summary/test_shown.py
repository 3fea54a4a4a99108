"""How a summary is shown: text, HTML, dictionaries, comma-separated values."""

import csv
import json
import re
from html.parser import HTMLParser
from io import StringIO

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from cnn_jax import models
from cnn_jax.analysis import summarize


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.texts = []

    def handle_data(self, data):
        self.texts.append(data)


def lenet_summary():
    model = nnx.eval_shape(lambda: models.lenet(rngs=nnx.Rngs(0)))
    return summarize(model, (1, 28, 28, 1), cost="xla")


def test_text():
    text = str(lenet_summary())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 140
    heading = lines[0].split()
    assert heading[:4] == ["layer", "operation", "output", "window"]
    assert "remark" not in heading
    assert "not trained" not in lines[0]
    assert re.search(r"^conv2 +conv +1x10x10x16 +5x5 +2,416 +240,000 +6,400 +14 +2 +2$", text, re.M)
    assert "61,706 parameters; 416,520 MACs" in text
    assert "XLA counts" in text
    assert re.search(
        r"^memory: 241\.0 KiB of parameters, about 26\d\.\d KiB to run, 9\d\d\.\d KiB to train",
        text,
        re.M,
    )


def test_text_of_what_has_no_parameters_or_no_gradient():
    assert "to train" not in str(summarize(jnp.tanh, (2, 3)))
    stuck = lambda w, x: lax.while_loop(lambda c: c.sum() < 1, lambda c: c * w, x)  # noqa: E731
    assert "it has no gradient" in str(summarize(stuck, (3,), params=jnp.ones((3,))))


def test_long_names_are_folded_and_not_cut():
    class Long(nnx.Module):
        def __init__(self, rngs):
            setattr(self, "a_very_" * 30 + "long_name", nnx.Linear(3, 2, rngs=rngs))

        def __call__(self, x):
            return getattr(self, "a_very_" * 30 + "long_name")(x)

    text = str(summarize(nnx.eval_shape(lambda: Long(nnx.Rngs(0))), (1, 3)))
    assert max(map(len, text.splitlines())) <= 140
    assert "".join(re.findall(r"^[a-z_]+", text.replace("layer", ""), re.M)).count("a_very_") == 30


def test_html_escapes_and_holds_every_cell():
    summary = lenet_summary()
    cells = Cells()
    cells.feed(summary._repr_html_())
    assert {"conv1", "117,600", "1x28x28x6", "max pool"} <= set(cells.texts)
    params = {"<b>&": {"kernel": np.ones((3, 4), np.float32)}}
    tricky = summarize(lambda p, x: x @ p["<b>&"]["kernel"], (2, 3), params=params)
    assert "<b>" not in tricky._repr_html_()
    assert "&lt;b&gt;&amp;" in tricky._repr_html_()


def test_dict_and_csv_hold_the_rows(tmp_path):
    summary = lenet_summary()
    as_dict = json.loads(json.dumps(summary.to_dict()))
    assert as_dict["macs"] == 416_520
    assert as_dict["memory"]["forward_bytes"] < as_dict["memory"]["training_bytes"]
    assert [row["macs"] for row in as_dict["rows"]] == [row.macs for row in summary.rows]
    assert as_dict["outputs"][""]["shape"] == [1, 10]
    assert as_dict["rows"][1]["field"][0]["stride"] == 2
    text = summary.to_csv(str(tmp_path / "rows.csv"))
    assert (tmp_path / "rows.csv").read_text() == text
    read = list(csv.DictReader(StringIO(text)))
    assert [row["name"] for row in read] == [row.name for row in summary.rows]
    assert [int(row["parameters"]) for row in read] == [row.parameters for row in summary.rows]
    assert (read[2]["field_0_1"], read[2]["window"], read[0]["padding"]) == ("14", "5x5", "2:2 2:2")
