"""The summary of `experiments.compare_ops`: means and worst cases, kind by kind."""

import io

import pytest
from rich.console import Console

from experiments.compare_ops.layers.case import BUILT_IN, TORCH, Case, Measurement
from experiments.compare_ops.output import kinds


def case(family, side, built_in, own, torch=None):
    """A case with these milliseconds."""
    times = {BUILT_IN: built_in, "auto": own, TORCH: torch}
    measurements = tuple(
        Measurement(name, "timed", milliseconds=ms, ratio=built_in / ms)
        for name, ms in times.items()
        if ms is not None
    )
    shapes = ((1, 2, 2, 3), (1, 1, 3, 3), (1, 2, 2, 3))
    return Case("net", f"{family} {own}", side, family, "", shapes, 1, 1, measurements, "im2col")


CASES = [
    case("dense", "output", 8.0, 2.0, 1.0),
    case("dense", "input_grad", 1.0, 1.0, 2.0),
    case("dense", "kernel_grad", 9.0, 1.0, 3.0),
    case("depthwise", "kernel_grad", 64.0, 4.0),
    case("grouped", "output", 1.0, 2.0, 8.0),
    case("max pool", "output", 3.0, 1.0, 0.5),
    case("avg pool", "input_grad", 5.0, 1.0, 0.25),
]


def printed(table):
    console = Console(file=io.StringIO(), width=150)
    console.print(table)
    return console.file.getvalue().splitlines()


def row(lines, kind):
    (line,) = (line for line in lines if line.strip().startswith(kind))
    return line.replace(kind, "").split()


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("dense, output and input gradient", ["2.00", "(2)", "1.00", "1.00", "(2)", "0.50"]),
        ("kernel gradients", ["12.00", "(2)", "9.00", "3.00", "(1)", "3.00"]),
        ("depthwise and grouped, all sides", ["2.83", "(2)", "0.50", "4.00", "(1)", "4.00"]),
        ("pools, forward", ["3.00", "(1)", "3.00", "0.50", "(1)", "0.50"]),
        ("pools, gradient", ["5.00", "(1)", "5.00", "0.25", "(1)", "0.25"]),
        ("all sides of all layers", ["3.31", "(7)", "0.50", "1.07", "(6)", "0.25"]),
    ],
)
def test_the_mean_and_the_worst_of_each_kind(kind, cells):
    assert row(printed(kinds.by_kind(CASES, "auto")), kind) == cells


def test_a_kind_without_a_case_is_left_out():
    lines = printed(kinds.by_kind(CASES[:2], "auto"))
    assert not any("pools" in line for line in lines)


def test_the_worst_come_first_and_say_what_auto_takes():
    lines = printed(kinds.worst(CASES, "auto", TORCH))
    names = [line.split(",")[0].strip() for line in lines if "net" in line]
    assert names[:3] == ["net avg pool 1.0", "net dense 2.0", "net max pool 1.0"]
    assert len(names) == 6
    assert row(lines, "net avg pool 1.0, input_grad: 1x2x2x3 1x1x3x3") == [
        *("im2col", "0.25", "1.000", "0.250")
    ]
    many = [case("dense", "output", 1.0, float(n)) for n in range(1, 30)]
    lines = printed(kinds.worst(many, "auto", "the built-in"))
    assert sum("net" in line for line in lines) == 10
