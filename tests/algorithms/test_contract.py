"""What every algorithm says of itself: its name, its memory, and the gradient of its pools."""

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from cnn_jax import geometry
from cnn_jax.algorithms import ALGORITHMS, Problem, im2col, shifted, winograd
from cnn_jax.algorithms.__main__ import table

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cnn_jax" / "algorithms"


def test_every_file_is_in_the_registry_under_its_name():
    assert {*ALGORITHMS} - {"native"} == {file.stem for file in FOLDER.glob("[!_]*.py")}
    for name, algorithm in ALGORITHMS.items():
        module = import_module(f"cnn_jax.algorithms.{name}")
        assert algorithm is module.ALGORITHM
        assert module.__doc__
        assert algorithm.output or algorithm.max_pool


def test_the_command_lists_them_all():
    lines = table().splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(ALGORITHMS)
    assert lines[0].endswith("`lax.conv_general_dilated`, `lax.reduce_window`.")
    assert lines[1].strip() == "for convolutions, pools, conv_local, unfold"


def test_a_table_in_the_readme_has_a_row_for_each():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| \[`(\w+)`\]\(cnn_jax/algorithms/", readme, re.MULTILINE)
    assert not rows or sorted(rows) == sorted(ALGORITHMS)


def max_pool_grad(x, y, g, window):
    """Twice the gradient, so that it is known from the one that is derived."""
    _, pull = jax.vjp(lambda x: shifted.max_pool(x, window), x)
    return 2 * pull(g)[0]


@pytest.fixture
def doubled(monkeypatch):
    """An algorithm like `shifted` whose maxima have a gradient of its own: twice the right one."""
    algorithm = replace(shifted.ALGORITHM, max_pool_grad=max_pool_grad)
    monkeypatch.setitem(ALGORITHMS, "doubled", algorithm)
    return "doubled"


def test_the_gradient_that_a_pool_offers_is_the_one_that_is_taken(doubled):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 5, 3)), jnp.float32)
    g = jnp.asarray(np.random.default_rng(1).normal(size=(2, 2, 2, 3)), jnp.float32)

    def pool(x, algorithm):
        return F.max_pool(x, (3, 3), stride=2, algorithm=algorithm)

    y, pull = jax.vjp(lambda x: pool(x, doubled), x)
    right, right_pull = jax.vjp(lambda x: pool(x, "shifted"), x)
    np.testing.assert_array_equal(y, right)
    np.testing.assert_array_equal(pull(g)[0], 2 * right_pull(g)[0])
    tangent = jax.jvp(lambda x: pool(x, doubled), (x,), (x,))[1]
    np.testing.assert_array_equal(tangent, 2 * y)
    integers = jnp.arange(25, dtype=jnp.int32).reshape(1, 5, 5, 1)
    np.testing.assert_array_equal(pool(integers, doubled), pool(integers, "xla"))
    # Minima, which offer none, keep theirs.
    low = jax.grad(lambda x: F.min_pool(x, (3, 3), algorithm=doubled).sum())(x)
    assert sorted(set(low.ravel().tolist())) == [0, 1]


def problem(x, kernel, padding=1, dtype="float32"):
    window = geometry.resolve(
        x[1:-1], kernel[:-2], stride=1, padding=padding, dilation=1, source="`kernel`"
    )
    return Problem("output", x, kernel, window, x[-1] // kernel[-2], dtype)


# Numbers that an algorithm holds besides x, kernel and y, for 4 images of 10 x 12 and 6 channels
# under a 3x3 kernel of 8, padding 1, so that there are 120 positions; the others hold none.
NUMBERS = {
    "im2col": 4 * 120 * 9 * 6,  # what each position sees
    "toeplitz": 120 * 120 * 6 * 8,  # a kernel for each position and element
    "fft": 12 * 15 * (4 * 6 + 6 * 8 + 4 * 8),  # spectra of images, kernels and results
    "native": 9 * 6 * 8,  # the kernel, packed; in float32 if it is narrower
    "winograd": 36 * 6 * 8,  # the kernels, transformed from 3x3 to 6x6; the tiles stand below
}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("bfloat16", 2), ("float64", 8)])
def test_workspace_is_exact(name, dtype, size):
    tiles = winograd.BLOCK_BYTES if name == "winograd" else 0
    given = problem((4, 10, 12, 6), (3, 3, 6, 8), dtype=dtype)
    size = max(size, 4) if name == "native" else size
    assert ALGORITHMS[name].workspace(given) == NUMBERS.get(name, 0) * size + tiles


def test_workspace_of_patches_is_that_of_one_block():
    images = (8, 64, 64, 64)
    row = 64 * 9 * 64 * 4  # bytes of what one row of positions sees; an image has 64
    assert 32 * row <= im2col.BLOCK_BYTES < 64 * row
    assert im2col.workspace(problem(images, (3, 3, 64, 64))) == 32 * row
    assert im2col.workspace(problem(images, (1, 1, 64, 64), padding=0)) == 0
