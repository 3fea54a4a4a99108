"""Few numbers for many layers: for each kind, the geometric mean and the worst of two ratios.

`against the built-in` is the built-in's time over the algorithm's, `against PyTorch` PyTorch's time
over the algorithm's: over 1 is faster than they are.
"""

import math
from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table

from experiments.compare_ops.layers.case import TORCH, Case

WORST = 10
CONVOLUTIONS = ("dense", "grouped", "depthwise")
FORWARD_AND_BACK = ("output", "input_grad")

KINDS: dict[str, Callable[[Case], bool]] = {
    "all sides of all layers": lambda case: True,
    "dense, output and input gradient": lambda case: (
        case.family == "dense" and case.side in FORWARD_AND_BACK
    ),
    "kernel gradients": lambda case: case.side == "kernel_grad",
    "depthwise and grouped, all sides": lambda case: case.family in ("depthwise", "grouped"),
    "pools, forward": lambda case: case.family not in CONVOLUTIONS and case.side == "output",
    "pools, gradient": lambda case: case.family not in CONVOLUTIONS and case.side == "input_grad",
}


def rulers(algorithm: str) -> dict[str, Callable[[Case], float | None]]:
    """The two ratios of a case, by what the algorithm is compared with."""
    return {
        "the built-in": lambda case: case.ratio(algorithm),
        TORCH: lambda case: case.against_torch(algorithm),
    }


def by_kind(cases: Sequence[Case], algorithm: str) -> Table:
    """A row for each kind of layer and side that there is."""
    title = f"{algorithm}: how many times as fast, geometric mean and worst (number of cases)"
    rich = Table(title=title, box=box.SIMPLE_HEAD)
    rich.add_column("kind")
    for ruler in rulers(algorithm):
        rich.add_column(f"as {ruler}", justify="right")
        rich.add_column("worst", justify="right")
    for kind, holds in KINDS.items():
        cells = []
        for ratio in rulers(algorithm).values():
            found = [r for r in map(ratio, filter(holds, cases)) if r is not None]
            mean = f"{geometric_mean(found):.2f} ({len(found)})" if found else "-"
            cells += [mean, f"{min(found):.2f}" if found else "-"]
        if set(cells) != {"-"}:
            rich.add_row(kind, *cells)
    return rich


def share_of_peak(cases: Sequence[Case], algorithm: str, peak: float | None) -> str:
    """What dense 3x3 layers of 64 or more channels reach of the machine's multiply-adds."""
    dense = [case for case in cases if case.family == "dense" and case.shapes[1][:2] == (3, 3)]
    wide = [case for case in dense if len(case.shapes[1]) == 4 and min(case.shapes[1][2:]) >= 64]
    rates = [rate for case in wide if (rate := case.by(algorithm).gflops) is not None]
    if not rates or not peak:
        return ""
    shares = [rate * 1e9 / peak for rate in rates]
    mean = geometric_mean(shares)
    return (
        f"dense 3x3, 64 channels or more: {mean:.0%} of the multiply-adds in registers, "
        f"{min(shares):.0%} to {max(shares):.0%} ({len(shares)} cases)"
    )


def worst(cases: Sequence[Case], algorithm: str, ruler: str) -> Table:
    """The ten cases where an algorithm loses most against a ruler, or gains least."""
    ratio = rulers(algorithm)[ruler]
    rich = Table(title=f"where {algorithm} is slowest beside {ruler}", box=box.SIMPLE_HEAD)
    rich.add_column("case")
    for head in ("takes", "ratio", "ms", f"{ruler} ms".removeprefix("the ")):
        rich.add_column(head, justify="right")
    timed = [case for case in cases if ratio(case) is not None]
    for case in sorted(timed, key=ratio)[:WORST]:
        own = case.by(algorithm).milliseconds
        name = f"{case.name}: {case.described}"
        rich.add_row(
            name, case.taken, f"{ratio(case):.2f}", f"{own:.3f}", f"{ratio(case) * own:.3f}"
        )
    return rich


def geometric_mean(ratios: Sequence[float]) -> float:
    """exp of the mean of the logarithms."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))
