"""Two plots: every layer's ratio to the built-in, and its place in the roofline model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from cnn_jax import files
from experiments.compare_ops.clocks.rulers import Rulers
from experiments.compare_ops.layers.case import BUILT_IN, TORCH, Case

COLORS = {"output": "tab:blue", "input_grad": "tab:orange", "kernel_grad": "tab:green"}
# The sides of a layer have the same operations per byte: draw them apart by these factors.
BESIDE = {"output": 0.96, "input_grad": 1.0, "kernel_grad": 1.04}


def ratios(file: Path, cases: Sequence[Case], algorithm: str) -> None:
    """Draw the ratio of each layer, sorted, and that of PyTorch; one panel for each side."""
    timed = [case for case in cases if case.ratio(algorithm) is not None]
    sides = [side for side in COLORS if any(case.side == side for case in timed)]
    longest = max((sum(case.side == side for case in timed) for side in sides), default=1)
    figure = Figure(figsize=(6 * max(len(sides), 1), 1.6 + 0.19 * longest), layout="constrained")
    for axes, side in zip(np.ravel(figure.subplots(1, max(len(sides), 1))), sides):
        these = [case for case in timed if case.side == side]
        these.sort(key=lambda case: case.ratio(algorithm))
        for place, case in enumerate(these):
            m, torch = case.by(algorithm), case.by(TORCH)
            if m.spread:
                axes.plot(m.spread, (place, place), color="tab:blue", linewidth=1)
            axes.plot(m.ratio, place, "o", color="tab:blue", markersize=4, label=algorithm)
            if torch and torch.ratio:
                axes.plot(torch.ratio, place, "|", color="tab:red", markersize=8, label=TORCH)
        names = [case.layer_name for case in these]
        axes.set_yticks(range(len(these)), names, fontsize=7)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set(title=side, xlabel="the built-in's time / its own", ylim=(-1, len(these)))
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.5), max(high, 2))
        wide = max(high, 2) > 300  # then the labels in between would overlap
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axes.grid(axis="x", which="both", alpha=0.25)
        _legend(axes, "lower right")
    _save(figure, file)


def roofline(file: Path, cases: Sequence[Case], algorithm: str, rulers: Rulers) -> None:
    """Draw the rate of each convolution over its operations per byte, and the limit of that rate.

    A line joins the built-in and the algorithm: the longer it is, the larger their ratio.
    """
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    convolutions = [case for case in cases if "pool" not in case.family]
    intensities = [case.flops / case.bytes for case in convolutions] or [1.0]
    reach = np.geomspace(min(intensities) / 2, max(intensities) * 2, 200)
    product, bandwidth = rulers.flops_per_second / 1e9, rulers.bytes_per_second / 1e9
    roof = np.minimum(product, reach * bandwidth)
    label = f"roof: {bandwidth:.0f} GB/s, matrix product {product:.0f} GFLOP/s"
    axes.plot(reach, roof, color="black", linewidth=1, label=label)
    for case in convolutions:
        color, intensity = COLORS[case.side], BESIDE[case.side] * case.flops / case.bytes
        rates = []
        for contender, marker in ((BUILT_IN, "x"), (algorithm, "o")):
            m = case.by(contender)
            if m and m.gflops:
                rates.append(m.gflops)
                name = f"{contender}, {case.side}"
                axes.plot(intensity, m.gflops, marker, color=color, markersize=5, label=name)
        axes.plot([intensity] * len(rates), rates, color=color, linewidth=0.6, alpha=0.5)
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel="operations per byte that must move (FLOP/B)", ylabel="GFLOP/s")
    axes.grid(which="both", alpha=0.2)
    _legend(axes, "upper left")
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    with files.replacing(file) as new:
        figure.savefig(new, dpi=120)


def _legend(axes, where: str) -> None:
    """Draw a legend with one entry for each label, in the corner `where`, which is empty."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        unique = dict(zip(labels, handles))
        axes.legend(unique.values(), unique.keys(), fontsize=8, loc=where)
