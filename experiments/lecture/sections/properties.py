"""Four properties: structure, sparse, shared, equivariant.

A dense layer from 12 x 12 to 12 x 12 has a weight for each pair of pixels. A local layer keeps only
pairs of neighbors; a convolution also shares their weights. Sharing makes it equivariant: if the
input moves, the output moves with it, f(T(x)) = T(f(x)). A stride breaks that for shifts that are
no multiple of it; a blur before the stride makes the error about half as large.
"""

import jax
import jax.numpy as jnp
from matplotlib.figure import Figure

from cnn_jax import analysis, pages
from cnn_jax import functional as F
from cnn_jax.data import photos
from experiments.lecture._section import code, numbers

TRY = "A larger blur before the stride; padding_mode='zeros', which breaks it at the border."
REFERENCE = (
    "Lecture, properties; Goodfellow et al., Deep Learning, section 9.2; Zhang, Making "
    "convolutional networks shift-invariant again, 2019, arXiv:1904.11486."
)
SIDE = 12


def layers():
    kernel = jnp.ones((3, 3, 1, 1))
    local = jnp.ones((SIDE, SIDE, 3, 3, 1, 1))  # a kernel for each place
    dense = jnp.ones((SIDE * SIDE, SIDE * SIDE))
    return {
        "full": lambda x: (x.ravel() @ dense).reshape(x.shape),
        "local": lambda x: F.conv_local(x, local, padding="SAME"),
        "convolutional": lambda x: F.conv(x, kernel, padding="SAME"),
    }


def counted():
    counts = {}
    for name, layer in layers().items():
        found = analysis.connectivity(layer, (SIDE, SIDE, 1))
        weights = sum(use.weights for use in found.layers)
        counts[name] = found.connected, weights
    return counts


def equivariant(photo):
    kernel = jax.random.normal(jax.random.key(0), (3, 3, 1, 4))

    def conv(stride, blur=False):
        def f(x):
            y = F.conv(x, kernel, padding="SAME", padding_mode="circular")
            if blur:
                return F.blur_pool(jax.nn.relu(y), (5, 5), stride=stride, padding_mode="circular")
            return jax.nn.relu(y)[::stride, ::stride]

        return analysis.equivariance(f, photo, [(0, k) for k in range(9)], boundary="circular")

    return {"stride 1": conv(1), "stride 2": conv(2), "blur, then stride 2": conv(2, blur=True)}


def show():
    counts = counted()
    photo = (
        jnp.asarray(photos.load("test", channels=1)["camera"][80:144, 180:244], jnp.float32) / 255
    )
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    found = equivariant(photo)
    for name, one in found.items():
        axes.plot([shift[-1] for shift in one.shifts], one.errors, marker=".", label=name)
    axes.set(xlabel="shift of the image, pixels", ylabel="equivariance error")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    rows = [[name, *(pages.Cell(f"{n:,}", n) for n in counts[name])] for name in counts]
    return [
        code(layers, counted),
        pages.table([f"layer on {SIDE} x {SIDE} pixels", "connections", "weights"], rows),
        code(equivariant),
        pages.figure(
            figure,
            "How far f(T(x)) is from T(f(x)), for a layer on a photograph: equal without a stride, "
            "far at every odd shift with stride 2, and nearer after a blur.",
        ),
        numbers({f"largest error, {name}": float(one.errors.max()) for name, one in found.items()}),
    ]
