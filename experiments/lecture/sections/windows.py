"""Padding, stride and dilation.

A window of k x k weights, its taps d apart, moves over an input of n x n in steps of s, with p
zeros at each edge: the output has floor((n + 2p - d(k - 1) - 1) / s) + 1 rows and columns. The
transposed convolution goes back to n, in size, not in values, where the division by s leaves no
remainder; else to the smallest n with that output size.
"""

import html
import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F
from cnn_jax import pages
from experiments.lecture._section import code, numbers

TRY = (
    "Set the window to 3, the padding to 1: the output is as large as the input. With stride 2 "
    "every second value stays. Then tick the box and set the input to the size that the output "
    "had: the output now has the size that the input had. With an input of 6 it is one less: why?"
)
REFERENCE = (
    "Lecture, padding, stride and dilation; Zhang et al., Dive into Deep Learning, section 7.3; "
    "Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, "
    "arXiv:1603.07285."
)
RANGES = {
    "input": range(3, 8),
    "window": range(1, 5),
    "stride": range(1, 4),
    "padding": range(3),
    "dilation": range(1, 3),
}
SHOWN = {"input": 5, "window": 3, "stride": 1, "padding": 1, "dilation": 1}
IMAGE = np.random.default_rng(7).integers(0, 5, (7, 7))
KERNEL = np.array([[1, 0, -1, 2], [2, 1, 0, -1], [0, -1, 1, 1], [1, 2, -1, 0]])


def convolve(input, window, stride, padding, dilation, transposed):
    image = jnp.asarray(IMAGE[:input, :input, None], jnp.float32)
    kernel = jnp.asarray(KERNEL[:window, :window, None, None], jnp.float32)
    conv = F.conv_transpose if transposed else F.conv
    return conv(image, kernel, stride=stride, padding=padding, dilation=dilation)[..., 0]


def fits(input, window, stride, padding, dilation, transposed):
    """Say whether there is any output."""
    reach = dilation * (window - 1) + 1
    return (
        (input - 1) * stride + reach > 2 * padding if transposed else input + 2 * padding >= reach
    )


def results():
    """The output of every setting that has one, by the setting.

    By im2col: `auto` would make a CPU kernel for each of 700 shapes, which takes most of a minute.
    """
    settings = [s for s in itertools.product(*RANGES.values(), (False, True)) if fits(*s)]
    outputs = {}
    for _, alike in itertools.groupby(settings, lambda s: s[:2]):  # few compilations
        chosen = list(alike)
        with F.using(algorithm="im2col"):
            found = jax.jit(lambda chosen=chosen: [convolve(*s) for s in chosen])()
        outputs |= dict(zip(chosen, map(np.asarray, found)))
    return outputs


def size(input, window, stride, padding, dilation, transposed):
    """The side of the output by the formula."""
    reach = dilation * (window - 1) + 1
    if transposed:
        return (input - 1) * stride - 2 * padding + reach
    return (input + 2 * padding - reach) // stride + 1


def show():
    outputs = results()
    right = sum(output.shape == 2 * (size(*s),) for s, output in outputs.items())
    found = {"settings": len(outputs), "of the size that the formula says": right}
    return [code(convolve, size), playground(outputs), numbers(found)]


def playground(outputs):
    """The sliders, and all that they can show, as JSON."""
    values = {
        ",".join(str(int(option)) for option in setting): output.astype(int).ravel().tolist()
        for setting, output in outputs.items()
    }
    about = {"results": values, "input": IMAGE.tolist(), "kernel": KERNEL.tolist()}
    stored = json.dumps(about, separators=(",", ":")).replace("<", "\\u003c")
    knobs = [
        f'<label>{name} <input type="range" name="{name}" min="{options[0]}" max="{options[-1]}" '
        f'value="{SHOWN[name]}"><output></output></label>'
        for name, options in RANGES.items()
    ]
    knobs += [
        '<label>position <input type="range" name="position" min="0" max="24" value="6">'
        "<output></output></label>",
        '<label>transposed <input type="checkbox" name="transposed"></label>',
    ]
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    return pages.Part(
        f'<div id="windows-play">\n<style>{STYLE}</style>\n<form>{"".join(knobs)}</form>\n'
        f'<p class="formula" aria-live="polite"></p><div class="pictures"></div>\n'
        f"<noscript><p>{html.escape(NO_SCRIPT)}</p></noscript>\n"
        f'<script type="application/json">{stored}</script>\n</div>\n'
        f"<script>{{\n{script}}}</script>"  # a block: in a notebook it may run twice
    )


NO_SCRIPT = "The sliders need JavaScript."
STYLE = """
#windows-play form { display: grid; grid-template-columns: repeat(auto-fill, minmax(17em, 1fr)); }
#windows-play label { display: grid; grid-template-columns: 5.5em 1fr 2em; gap: 0.5em; }
#windows-play input { width: auto; margin: 0.2em 0; }
#windows-play [type="checkbox"] { justify-self: start; }
#windows-play .pictures { display: flex; flex-wrap: wrap; gap: 1.5em; align-items: start; }
#windows-play figure { margin: 0; } #windows-play svg { max-width: 100%; height: auto; }
#windows-play rect { fill: #fff; stroke: #777; } #windows-play .outside rect { fill: #eee; }
#windows-play .marked rect { fill: #ffe08a; } #windows-play .chosen rect { fill: #9fd0ff; }
#windows-play text { font: 11px system-ui; text-anchor: middle; dominant-baseline: central; }
"""
