"""Four properties: structure, sparse, shared, equivariant.

A dense layer does not know which pixels are neighbors: permute them, and the rows of its weights
alike, and it says the same, but for rounding. A convolution keeps their arrangement and depends on
it: of permuted pixels no kernel of 3 x 3 makes the permuted edges; the best of all is hardly better
than nothing.

A dense layer from 12 x 12 to 12 x 12 has a weight for each pair of pixels. A local layer keeps only
pairs of neighbors; a convolution also shares their weights. Sharing makes it equivariant: if the
input moves, the output moves with it, f(T(x)) = T(f(x)). A stride breaks that for shifts that are
no multiple of it; a blur before the stride makes the error a third. Zeros at the border break it
there; and it is for shifts alone: where an image turns or shrinks, the kernel does not.
"""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from cnn_jax import analysis, pages
from cnn_jax import functional as F
from cnn_jax.data import photos
from experiments.lecture._drawing import row
from experiments.lecture._section import code, numbers
from experiments.lecture._training import garments

TRY = (
    "A larger blur before the stride. A kernel that is the same after a turn, as the Laplacian is: "
    "a rotation then leaves no error but rounding."
)
REFERENCE = (
    "Lecture, properties; Goodfellow et al., Deep Learning, section 9.2; Zhang, Making "
    "convolutional networks shift-invariant again, 2019, arXiv:1904.11486."
)
SIDE = 12
SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)[..., None, None]


def edges(x, kernel=SOBEL, mode="zeros"):
    return F.conv(x, kernel, padding="SAME", padding_mode=mode)


def apart(one, other):
    one, other = np.asarray(one), np.asarray(other)
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def permuted(x, order):
    return x.reshape(len(x), -1)[:, order].reshape(x.shape)


def dense(x, order):
    weights = np.random.default_rng(0).normal(size=(len(order), 10)).astype(np.float32)

    def outputs(x, weights):
        return x.reshape(len(x), -1) @ weights

    return apart(outputs(permuted(x, order), weights[order]), outputs(x, weights))


def best_kernel(x, y):
    taps = np.asarray(F.unfold(x, (3, 3), padding="SAME")).reshape(-1, 9)
    kernel, *_ = np.linalg.lstsq(taps, y.ravel())  # of all kernels the nearest
    return apart(taps @ kernel, y.ravel())


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


def others(photo):
    def shift(mode, boundary):
        def f(x):
            return edges(x, mode=mode)

        return analysis.equivariance(f, photo, [(0, 4)], boundary=boundary).errors.item()

    def half(x):
        return F.avg_pool(x, (2, 2))

    y, turned, small = np.asarray(edges(photo)), np.rot90(photo), edges(half(photo))
    return {
        "a shift by 4, a circular border": shift("circular", "circular"),
        "a shift by 4, zeros at the border": shift("zeros", "circular"),
        "of the last, away from the border": shift("zeros", "interior"),
        "a rotation by 90 degrees": apart(edges(turned), np.rot90(y)),
        "the same, the kernel turned too": apart(edges(turned, np.rot90(SOBEL)), np.rot90(y)),
        "half the size": apart(small, half(y)),
        "the same, the slopes halved too": apart(np.asarray(small) / 2, half(y)),
    }


def structure():
    x = np.float32(garments("test", 20).images) / 255
    order = np.random.default_rng(0).permutation(28 * 28)
    y, mixed = np.asarray(edges(x)), permuted(x, order)
    found, wanted = np.asarray(edges(mixed)), permuted(y, order)
    one = {
        "x, a garment": x[0],
        "its edges, y": gray(y[0]),
        "x permuted": mixed[0],
        "edges of that": gray(found[0]),
        "the same, in x's order": gray(permuted(found, np.argsort(order))[0]),
    }
    return [
        code(edges, apart, permuted, dense, best_kernel),
        pages.figure(
            row(one, columns=5, side=1.7, vmin=0, vmax=1),
            "A convolution of permuted pixels does not find the edges, not even in another order.",
        ),
        numbers(
            {
                "dense layer, change if pixels and rows of weights are permuted": dense(x, order),
                "convolution, permuted x: distance from permuted y": apart(found, wanted),
                "error of the best 3 x 3 kernel, from x to y": best_kernel(x, y),
                "of the best from permuted x to permuted y": best_kernel(mixed, wanted),
            }
        ),
    ]


def gray(y):
    """Edges as a picture, in which gray is zero."""
    return 0.5 + np.asarray(y) / 5


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
    head = photos.load("test", channels=1)["camera"][60:188:2, 160:288:2]
    head = np.float32(head) / 255
    turned, y = np.rot90(head), np.asarray(edges(head))
    rotation = {
        "photograph": head,
        "rotated, then its edges": gray(edges(turned)),
        "its edges, then rotated": gray(np.rot90(y)),
        "rotated, edges by the rotated kernel": gray(edges(turned, np.rot90(SOBEL))),
    }
    errors = [[name, pages.Cell(f"{error:.2g}", error)] for name, error in others(head).items()]
    return [
        *structure(),
        code(layers, counted),
        pages.table([f"layer on {SIDE} x {SIDE} pixels", "connections", "weights"], rows),
        code(equivariant),
        pages.figure(
            figure,
            "How far f(T(x)) is from T(f(x)), for a layer on a photograph: equal without a stride, "
            "far at every odd shift with stride 2, and nearer after a blur.",
        ),
        numbers({f"largest error, {name}": float(one.errors.max()) for name, one in found.items()}),
        code(others),
        pages.table(["T", "|f(T(x)) - T(f(x))| / |T(f(x))|"], errors),
        pages.figure(
            row(rotation, vmin=0, vmax=1),
            "A filter for vertical edges still finds vertical ones when the image is rotated: "
            "f(T(x)) is not T(f(x)), unless the kernel is rotated too.",
        ),
    ]
