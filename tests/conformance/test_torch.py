"""Values and gradients equal those of torch.nn.functional, on random sets of arguments.

`torch_calls` draws cases of each function: the arrays, our call and PyTorch's. Arrays are channels
last on both sides; PyTorch's call moves the axes, so that autograd's gradients come back in our
layout. `CASES` lists `SETS` cases per function and rank, and `test_every_set_reaches_torch` counts
them by what PyTorch is really called with.
"""

import dataclasses
import math
import zlib
from functools import partial

import jax
import numpy as np
import pytest

from cnn_jax import functional as F
from tests.cases import tolerance
from tests.compilation import QUICKLY
from tests.derivatives import double_precision

from .torch_calls import GENERATORS
from .torch_case import TF, first, last, torch

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")

SETS = {1: 8, 2: 6, 3: 4}  # by rank


def draw(function, generate, rank):
    """`SETS[rank]` cases of one function and rank, no two of them the same."""
    rng = np.random.default_rng(zlib.crc32(function.encode()))
    drawn = {}
    while len(drawn) < SETS[rank]:
        case = generate(rng, rank)
        drawn.setdefault((str(case.options), case.shapes, case.numbers), case)
    return [
        dataclasses.replace(case, function=function, rank=rank, index=index)
        for index, case in enumerate(drawn.values())
    ]


CASES = [
    case
    for name, (generate, ranks) in GENERATORS.items()
    for rank in ranks
    for case in draw(name.format(rank), generate, rank)
]


def split(result):
    """An array, or an array with integer arrays: `(array, tuple of integer arrays)`."""
    if isinstance(result, (jax.Array, torch.Tensor)):
        return result, ()
    value, *exact = result
    return value, tuple(exact)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients(case):
    arrays = case.arrays
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    value, indices = split(case.theirs(*tensors))
    g = np.random.default_rng(1).standard_normal(value.shape).astype(np.float32)
    gradients = torch.autograd.grad(value, tensors, torch.tensor(g))

    @partial(jax.jit, compiler_options=QUICKLY)
    def ours(arrays, g):
        value, pull, indices = jax.vjp(lambda *a: split(case.ours(*a)), *arrays, has_aux=True)
        return value, pull(g), indices

    with F.using(algorithm=case.algorithm):
        our_value, our_gradients, our_indices = ours(arrays, g)
    error = tolerance(np.float32, case.terms)
    for mine, other in zip((our_value, *our_gradients), (value, *gradients), strict=True):
        np.testing.assert_allclose(mine, other.detach().numpy(), rtol=error, atol=error)
    for mine, other in zip(our_indices, indices, strict=True):
        np.testing.assert_array_equal(mine, other.numpy())


class Calls(torch.overrides.TorchFunctionMode):
    """Records what the functions of torch.nn.functional are called with."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = torch.overrides.resolve_name(function) or ""
        if name.startswith("torch.nn.functional."):
            described = torch.utils._pytree.tree_map_only(
                torch.Tensor, lambda a: tuple(a.shape), (args, kwargs)
            )
            self.made.append((name.removeprefix("torch.nn.functional."), str(described)))
        return function(*args, **kwargs)


@pytest.mark.parametrize("function", dict.fromkeys(case.function for case in CASES))
def test_every_set_reaches_torch(function):
    """That many calls of the function that is named, no two of them with the same arguments."""
    cases = [case for case in CASES if case.function == function]
    distinct = set()
    for case in cases:
        with Calls() as calls:
            case.theirs(*map(torch.tensor, case.arrays))
        assert case.name in dict(calls.made)
        distinct.add(tuple(calls.made))
    assert len(cases) == len(distinct) == SETS[cases[0].rank]


def test_torch_wraps_what_it_has_cropped():
    """One side crops, the other one wraps: ours wraps the input itself, as in all other modes."""
    x = np.arange(6, dtype=np.float32)[None, :, None]
    theirs = last(TF.pad(first(torch.tensor(x)), (1, -1), mode="circular"))
    assert theirs.ravel().tolist() == [4, 0, 1, 2, 3, 4]
    ours = F.pad(x, ((1, -1),), padding_mode="circular")
    assert ours.ravel().tolist() == [5, 0, 1, 2, 3, 4]


def test_torch_sends_a_gradient_out_of_a_window_of_padding():
    """Both values are -inf; ours sends nothing to elements that the window does not hold."""
    x, options = np.ones((1, 4, 2, 1), np.float32), {"padding": (0, 1), "dilation": (1, 3)}
    tensor = torch.tensor(x, requires_grad=True)
    theirs = TF.max_pool2d(first(tensor), (2, 2), **options)
    ours, pull = jax.vjp(lambda x: F.max_pool(x, (2, 2), **options), x)
    assert ours.ravel().tolist() == theirs.ravel().tolist() == [-np.inf] * 2
    assert torch.autograd.grad(theirs.sum(), tensor)[0].any()
    assert not pull(np.ones_like(ours))[0].any()


def test_torch_sends_a_gradient_to_other_elements_than_it_has_repeated():
    """Nearest on one and three axes: its backward steps by n / out, its forward by 1 / scale."""
    x = np.arange(3, dtype=np.float32)[None, :, None]
    tensor = torch.tensor(x, requires_grad=True)
    theirs = TF.interpolate(first(tensor), scale_factor=1.3)
    ours, pull = jax.vjp(lambda x: F.upsample(x, (1.3,)), x)
    assert ours.ravel().tolist() == theirs.ravel().tolist() == [0, 0, 1]
    assert torch.autograd.grad(theirs.sum(), tensor)[0].ravel().tolist() == [1, 1, 1]
    assert pull(np.ones_like(ours))[0].ravel().tolist() == [2, 1, 0]


def test_torch_scales_the_sum_of_an_overhanging_lp_window():
    """Its lp_pool is an average of the window's part in the input times the size of the window."""
    x = np.ones((1, 5, 1), np.float32)
    theirs = last(TF.lp_pool1d(first(torch.tensor(x)), 2.0, 2, ceil_mode=True))
    ours = F.lp_pool(x, (2,), p=2.0, ceil_mode=True)
    root = math.sqrt(2)
    np.testing.assert_allclose(theirs.ravel(), [root, root, root], rtol=1e-6)
    np.testing.assert_allclose(ours.ravel(), [root, root, 1], rtol=1e-6)


@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "replicate", "reflect"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_values_at_points_and_both_gradients_equal_grid_sample(method, padding_mode, align_corners):
    theirs = {
        "mode": {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}[method],
        "padding_mode": {"zeros": "zeros", "replicate": "border", "reflect": "reflection"}[
            padding_mode
        ],
        "align_corners": align_corners,
    }
    ours = {"method": method, "padding_mode": padding_mode, "align_corners": align_corners}
    random = np.random.default_rng(0)
    for rank in (2, 3) if method != "cubic" else (2,):
        x = random.standard_normal((2, *random.integers(2, 7, rank), 3))
        points = 1.5 * random.standard_normal((2, *(4, 5, 2)[:rank], rank))
        tensor = first(torch.tensor(x)).requires_grad_()
        grid = torch.tensor(points[..., ::-1].copy(), requires_grad=True)
        expected = TF.grid_sample(tensor, grid, **theirs)
        g = random.standard_normal(expected.shape)
        expected.backward(torch.tensor(g))
        with double_precision():
            y, pull = jax.vjp(lambda x, p: F.sample(x, p, normalized=True, **ours), x, points)
            dx, dpoints = pull(np.moveaxis(g, 1, -1))
        close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9)
        close(y, last(expected.detach()))
        close(dx, last(tensor.grad))
        close(dpoints, grid.grad.numpy()[..., ::-1])
