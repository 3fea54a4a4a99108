"""`experiments.compare_ops`: it compares what it says, on all layers, and writes it down."""

import dataclasses
import json
import math
import re
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.algorithms import ALGORITHMS, Algorithm
from experiments import compare_ops
from experiments.compare_ops import _main
from experiments.compare_ops.clocks import pytorch, timing
from experiments.compare_ops.layers import comparison
from experiments.compare_ops.layers.case import BUILT_IN, TORCH
from experiments.compare_ops.layers.sides import inputs, side_function
from experiments.compare_ops.layers.table import CONVOLUTIONS, LAYERS, POOLS
from experiments.compare_ops.steps import networks
from experiments.running.command import RunError

SOME = [
    layer.smaller()
    for layer in LAYERS
    if layer.full_name
    in {
        "LeNet-5 conv1",
        "AlexNet conv2 5x5, 2 groups",
        "ResNet-50 conv3 shortcut 1x1/2",
        "MobileNetV2 depthwise 192 /2",
        "WaveNet dilation 16",
        "C3D conv1a",
        "LeNet-5 avg 2x2",
        "ResNet-18 max 3x3/2, padding 1",
        "C3D pool2, max 2x2x2",
    }
]
SIDES = [(layer, side) for layer in SOME for side in layer.sides]
ids = lambda value: getattr(value, "full_name", str(value))  # noqa: E731


def run(folder, **options):
    return compare_ops.main(
        compare_ops.Config(**{"out": folder, "smoke": True, "torch": False, **options})
    )


def written(folder):
    return json.loads((folder / "results.json").read_text())


def as_json(results):
    return json.loads(json.dumps([dataclasses.asdict(result) for result in results]))


@pytest.fixture
def fake(monkeypatch):
    """Adds an algorithm whose convolution is a function of the test's."""

    def add(name, output):
        monkeypatch.setitem(ALGORITHMS, name, Algorithm(output=output))

    return add


def test_writes_what_it_returns(tmp_path, capsys):
    folder = tmp_path / "new" / "run"
    found = run(folder, layers="lenet-5 conv1,LENET-5 max", algorithms="auto,vmap")
    content = written(folder)
    assert content["results"] == as_json(found.results)
    assert found.finished
    assert content["finished"]
    assert content["about"]["cores"] >= 1
    assert content["rulers"]["flops_per_second"] > 0
    assert [case.side for case in found.results] == [
        *("output", "input_grad", "kernel_grad"),
        *("output", "input_grad"),
    ]
    for case in found.results:
        assert [m.contender for m in case.measurements] == [BUILT_IN, "auto", "vmap"]
        for m in case.measurements:
            assert m.status in ("timed", "one run"), m.reason
            assert m.ratio > 0
            assert m.compile_seconds > 0
            assert m.of_matrix_product > 0
            assert m.contender == BUILT_IN or 0 <= m.largest_error < 1e-5
    names = {file.name for file in folder.iterdir()}
    assert names == {"results.json", "compare_ops.html", "ratios.png", "roofline.png"}
    printed = capsys.readouterr().out
    assert "geometric mean" in printed
    assert str(folder) in printed

    page = (folder / "compare_ops.html").read_text()
    assert not re.search(r"https?://|<link|src=\"(?!data:)|@import", page)
    assert page.count("data:image/png;base64,") == 2
    assert page.count("<tr>") == 1 + sum(len(case.measurements) for case in found.results)
    for case in found.results:
        assert f"<td>{case.layer}</td>" in page
        assert f"<td>{case.side}</td>" in page


def test_the_list_of_layers():
    assert 45 <= len(CONVOLUTIONS) <= 50
    assert len(POOLS) == 8
    assert len({layer.full_name for layer in LAYERS}) == len(LAYERS)
    networks = {layer.network for layer in LAYERS}
    assert len(networks) == 10
    quick = [layer for layer in LAYERS if layer.quick]
    assert {layer.network for layer in quick} == networks
    assert {layer.family for layer in quick} == {layer.family for layer in LAYERS}
    assert 1 / 4 < len(quick) / len(LAYERS) < 2 / 5


def test_layers_are_chosen_by_how_a_word_begins():
    def chosen(layers):
        return {layer.full_name for layer in compare_ops.Config(layers=layers).chosen_layers()}

    networks = {name.split()[0] for name in chosen("lenet, CONVNEXT")}
    assert networks == {"LeNet-5", "ConvNeXt-T"}  # and no MobiLENETV2
    assert chosen("resnet-18 conv1,pool1") == {"ResNet-18 conv1 7x7/2", "VGG-16 pool1, max 2x2"}
    assert chosen("") == {layer.full_name for layer in LAYERS}


def test_operations_and_bytes():
    layer = next(layer for layer in LAYERS if layer.full_name == "VGG-16 conv1_2")
    assert layer.flops == 2 * 224 * 224 * 3 * 3 * 64 * 64
    assert layer.bytes("output") == 4 * (2 * 224 * 224 * 64 + 3 * 3 * 64 * 64)
    depthwise = next(layer for layer in LAYERS if layer.full_name == "MobileNetV2 depthwise 32")
    assert depthwise.flops == 2 * 4 * 112 * 112 * 3 * 3 * 32


@pytest.mark.parametrize("layer", LAYERS, ids=ids)
def test_the_built_in_has_the_same_shape_at_the_true_size(layer):
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in layer.shapes()]
    for contender in (BUILT_IN, "auto"):
        y = jax.eval_shape(side_function(layer, "output", contender), *arrays)
        assert (y.shape, y.dtype) == (layer.y, jnp.float32)


@pytest.mark.parametrize(("layer", "side"), SIDES, ids=ids)
def test_the_built_in_computes_the_same(layer, side):
    arrays = [jnp.asarray(array) for array in inputs(layer)]
    ours, theirs = (side_function(layer, side, name)(*arrays) for name in ("xla", BUILT_IN))
    assert float(jnp.abs(theirs).max()) > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("contender", [BUILT_IN, "xla"])
@pytest.mark.parametrize("side", ["input_grad", "kernel_grad"])
def test_a_gradient_is_timed_without_the_forward_pass(contender, side):
    layer = next(layer for layer in LAYERS if layer.full_name == "ResNet-18 conv2 3x3").smaller()
    arrays = [jnp.asarray(array) for array in inputs(layer)]
    program = jax.jit(side_function(layer, side, contender)).lower(*arrays).compile()
    assert program.as_text().count(" convolution(") == 1


def test_an_interrupted_run_keeps_what_it_has(tmp_path, monkeypatch, capsys):
    compare, calls = comparison.compare, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compare(*arguments)

    monkeypatch.setattr(comparison, "compare", interrupted)
    found = run(tmp_path, layers="lenet-5 conv2", algorithms="auto")
    assert not found.finished
    assert len(found.results) == 2
    assert not written(tmp_path)["finished"]
    assert written(tmp_path)["results"] == as_json(found.results)
    assert "Interrupted: 2 of 3" in capsys.readouterr().out
    assert (tmp_path / "compare_ops.html").exists()


def test_an_algorithm_that_cannot_is_recorded(tmp_path, fake):
    def refuse(x, kernel, window, groups):
        raise ValueError("only 3x3 kernels")

    def fail(x, kernel, window, groups):
        raise RuntimeError("a mistake")

    fake("refusing", refuse)
    fake("failing", fail)
    found = run(tmp_path, layers="lenet-5 conv1", algorithms="refusing,failing,xla")
    for case in written(tmp_path)["results"]:
        _, refusing, failing, xla = case["measurements"]
        assert (refusing["status"], refusing["reason"]) == ("not supported", "only 3x3 kernels")
        assert (failing["status"], failing["reason"]) == ("failed", "RuntimeError: a mistake")
        assert refusing["ratio"] is failing["ratio"] is None
        assert xla["ratio"] > 0
    assert found.finished
    assert "only 3x3 kernels" in (tmp_path / "compare_ops.html").read_text()


def test_a_wrong_algorithm_shows(tmp_path, fake):
    fake(
        "twice",
        lambda x, kernel, window, groups: 2 * ALGORITHMS["xla"].output(x, kernel, window, groups),
    )
    fake("nan", lambda *arguments: ALGORITHMS["xla"].output(*arguments) * jnp.nan)
    found = run(tmp_path, layers="lenet-5 conv1", algorithms="twice,nan")
    for case in found.results:
        assert case.by("twice").largest_error == pytest.approx(1, abs=1e-4)
        assert case.by("nan").largest_error is None
        assert case.by("nan").reason.startswith("the result is not finite")


def test_what_is_too_large_or_too_slow_is_not_repeated(tmp_path, monkeypatch):
    found = run(tmp_path / "large", layers="lenet-5 conv1", algorithms="vmap", memory=1e-9)
    statuses = {m.contender: m.status for m in found.results[0].measurements}
    assert statuses == {BUILT_IN: "timed", "vmap": "too large"}
    monkeypatch.setattr(comparison, "HOPELESS", 0.0)
    found = run(tmp_path / "slow", layers="lenet-5 conv1", algorithms="vmap")
    for case in found.results:
        m = case.by("vmap")
        assert (m.status, m.runs, m.spread) == ("one run", 1, None)
        assert m.ratio > 0
        assert case.by(BUILT_IN).runs == 2


def test_what_takes_long_is_timed_once_even_the_built_in(tmp_path, monkeypatch):
    effort = timing.Effort(0.0, 2, 2.0**31, longest=0.0)
    monkeypatch.setattr(compare_ops.Config, "effort", lambda config: effort)
    found = run(tmp_path, layers="lenet-5 conv1", algorithms="xla")
    for case in found.results:
        for m in case.measurements:
            assert (m.status, m.runs, m.spread) == ("one run", 1, None)
            assert m.ratio == case.measurements[0].milliseconds / m.milliseconds
        assert case.by("xla").largest_error < 1e-5


def test_in_turn():
    order = []
    runs = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    assert timing.in_turn(runs, 0.0, 3) == {"a": [1, 3, 5], "b": [2, 4, 6]}
    ratio = timing.ratio([4.0, 4.0, 8.0], [2.0, 1.0, 2.0])
    assert (ratio.median, ratio.spread) == (2.0, (3.0, 4.0))


def test_the_first_of_several_short_runs_is_not_counted():
    seconds = iter([0.015, 0.002, 0.001, 0.009, 0.012, 0.5, 0.001])
    assert timing.turn(lambda: next(seconds)) == np.median([0.002, 0.001, 0.009, 0.012])
    assert timing.turn(lambda: next(seconds)) == 0.5  # long enough alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "lenet,lstm"}, r"`--layers` must be part of .* 'LeNet-5'.*; got 'lstm'"),
        (
            {"layers": "lstm", "steps": True},
            r"the name of one of 'LeNet-5', 'ResNet-18'.*; got 'lstm'",
        ),
        ({"algorithms": "auto,xl"}, r"`--algorithms` must be among 'auto', 'xla'.*; got 'xl'"),
        ({"seconds": 0.0}, "`--seconds` must be positive; got 0.0"),
        ({"memory": -1.0}, "`--memory` must be positive"),
        ({"quick": True, "steps": True}, "`--quick` must be left out with --steps"),
        ({"quick": True, "layers": "conv1_2"}, "`--layers` must be in the third that --quick"),
    ],
)
def test_a_mistake_is_named(tmp_path, options, message):
    with pytest.raises(RunError, match=message):
        run(tmp_path / "none", **options)
    assert not (tmp_path / "none").exists()


def test_no_run_overwrites_another(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(RunError, match="`--out` must be a folder, not a file"):
        run(file)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(RunError, match=r"`--out` must be a folder that holds no results\.json"):
        run(tmp_path)


@pytest.mark.parametrize("load", [0.1, 3.0])
def test_a_busy_machine_is_named(tmp_path, monkeypatch, capsys, load):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    run(tmp_path, layers="lenet-5 avg", algorithms="auto")
    said = "keep this machine busy (load 3.0)" in capsys.readouterr().out
    assert said == (load > 1)
    assert written(tmp_path)["about"]["load"] == load


def test_without_torch_a_line_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pytorch, "is_installed", lambda: False)
    found = run(tmp_path, layers="lenet-5 avg", algorithms="auto", torch=True)
    assert "pip install -e '.[parity]'" in capsys.readouterr().out
    assert all(case.by(TORCH) is None for case in found.results)


def test_a_torch_that_dies_is_reported_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    start = pytorch.TorchWorker
    dying = "print('{}', flush=True); input(); raise SystemExit('out of memory')"
    worker = start(command=(sys.executable, "-c", dying))
    monkeypatch.setattr(pytorch, "is_installed", lambda: True)
    monkeypatch.setattr(_main.pytorch, "TorchWorker", lambda script: worker)
    found = run(tmp_path, layers="lenet-5 max", algorithms="auto", torch=True)
    first, second = found.results
    assert first.by(TORCH).status == "failed"
    assert "out of memory" in first.by(TORCH).reason
    assert second.by(TORCH) is None
    assert found.finished
    assert "It goes on without." in capsys.readouterr().out
    with pytest.raises(pytorch.TorchError, match="ended with status 3: no word"):
        start(command=(sys.executable, "-c", "raise SystemExit(3)"))


@pytest.mark.skipif(not pytorch.is_installed(), reason="PyTorch is not installed")
def test_torch_computes_the_same():
    worker = pytorch.TorchWorker()
    try:
        assert worker.about["threads"] >= 1
        for layer, side in SIDES:
            times, result = worker.time(layer, side, 0.0, 2)
            assert len(times) == 2
            assert min(times) > 0
            theirs = side_function(layer, side, BUILT_IN)(*map(jnp.asarray, inputs(layer)))
            np.testing.assert_allclose(result, theirs, rtol=1e-4, atol=1e-3)
        broken = dataclasses.replace(SOME[0], groups=7)
        with pytest.raises(pytorch.TorchError, match="RuntimeError"):
            worker.time(broken, "output", 0.0, 1)
        assert worker.alive
    finally:
        worker.close()
    assert not worker.alive


def test_training_steps(tmp_path, capsys):
    found = run(tmp_path, steps=True, layers="lenet")
    assert written(tmp_path)["results"] == as_json(found.results)
    (step,) = found.results
    built_in, auto = step.measurements
    assert (built_in.contender, auto.contender) == (BUILT_IN, "auto")
    assert auto.status == "timed"
    assert auto.largest_error < 1e-4
    assert auto.ratio > 0
    assert "training steps" in capsys.readouterr().out
    assert (tmp_path / "compare_ops.html").exists()


PARAMETERS = {  # of the published networks, with 10 classes
    "LeNet-5": 61_706,
    "ResNet-18": 11_173_962,
    "VGG-11": 9_225_610,
    "MobileNetV2": 3_504_872 - 990 * 1281,
    "ConvNeXt-T": 28_589_128 - 990 * 769,
}


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_the_networks_are_the_published_ones(network):
    shapes = networks.shapes(network)
    assert sum(map(math.prod, shapes)) == PARAMETERS[network.name]
    params = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    x = jax.ShapeDtypeStruct(network.x, jnp.float32)
    for operations in (networks.built_in(), networks.ours("auto")):
        y = jax.eval_shape(partial(networks.logits, network, operations), params, x)
        assert y.shape == (network.x[0], 10)
