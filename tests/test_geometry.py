"""Window arithmetic: against the shapes that lax gives, and positions counted one by one."""

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from cnn_jax import geometry
from cnn_jax.geometry import PADDING_NAMES, Window, fit, output_size, resolve

few = settings(deadline=None, max_examples=200, derandomize=True)
small = st.integers(1, 5)


@st.composite
def windows(draw):
    """A resolved window of rank 1 and the input length that it fits on."""
    n, size, stride, dilation, base = draw(st.integers(0, 9)), *(draw(small) for _ in range(4))
    low, high = draw(st.integers(-6, 6)), draw(st.integers(-6, 6))
    padded = geometry.dilated(n, base) + low + high
    high += max(geometry.dilated(size, dilation) - padded, 0)  # so that it fits
    return Window((size,), (stride,), ((low, high),), (dilation,), (base,)), n


def elements_met(window: Window, n: int) -> list[list[int | None]]:
    """For every position what each tap meets: the index of an input element, or None for a zero."""
    (size,), (stride,), ((low, _),) = window.size, window.stride, window.padding
    (dilation,), (base,) = window.dilation, window.base_dilation
    (positions,) = window.output_size((n,))

    def element(place):
        inside = place % base == 0 and 0 <= place // base < n
        return place // base if inside else None

    return [
        [element(p * stride + t * dilation - low) for t in range(size)] for p in range(positions)
    ]


@few
@given(windows())
def test_output_size_is_that_of_lax(case):
    window, n = case
    shape = jax.eval_shape(
        lambda x, k: lax.conv_general_dilated(
            x, k, window.stride, window.padding, window.base_dilation, window.dilation
        ),
        jax.ShapeDtypeStruct((1, 1, n), "float32"),
        jax.ShapeDtypeStruct((1, 1, *window.size), "float32"),
    ).shape
    assert window.output_size((n,)) == shape[2:]


@few
@given(windows())
def test_a_fitted_window_meets_the_same_elements(case):
    window, n = case
    ((low, high),), exact = fit(window, (n,))
    left = n - low - high
    assert left >= 0
    assert min(low, high, *exact.padding[0]) >= 0
    shifted = [[None if i is None else i + low for i in taps] for taps in elements_met(exact, left)]
    assert shifted == elements_met(window, n)


@few
@given(windows())
def test_a_fitted_window_knows_its_input(case):
    window, n = case
    ((low, high),), exact = fit(window, (n,))
    left = n - low - high
    if left:
        assert exact.input_size(exact.output_size((left,))) == (left,)


@few
@given(windows())
def test_taps_inside_are_counted(case):
    window, n = case
    window = Window(window.size, window.stride, window.padding, window.dilation, (1,))
    if window.padded_size((n,)) < window.extent:
        return
    counts = [sum(i is not None for i in taps) for taps in elements_met(window, n)]
    assert window.taps_inside((n,)) == (tuple(counts),)


@few
@given(st.integers(1, 20), small, small, small, st.sampled_from(["SAME", "SAME_LOWER"]))
def test_same_gives_one_output_per_stride(n, size, stride, dilation, name):
    window = resolve((n,), size, stride=stride, dilation=dilation, padding=name)
    ((low, high),) = window.padding
    if low + high:  # a stride over the window needs no padding, and may see more
        assert window.output_size((n,)) == (-(-n // stride),)
    assert abs(low - high) <= 1
    assert (low <= high) == (name == "SAME" or low == high)


@pytest.mark.parametrize(
    ("padding", "pairs"),
    [
        ("VALID", ((0, 0), (0, 0))),
        ("same", ((1, 1), (1, 2))),
        ("Same_Lower", ((1, 1), (2, 1))),
        ("FULL", ((2, 2), (3, 3))),
        ("causal", ((2, 0), (3, 0))),
        (1, ((1, 1), (1, 1))),
        (-1, ((-1, -1), (-1, -1))),
        ((1, 2), ((1, 1), (2, 2))),
        ([(0, 1), [2, -1]], ((0, 1), (2, -1))),
        ((3, (0, 1)), ((3, 3), (0, 1))),
    ],
)
def test_every_way_to_write_padding(padding, pairs):
    assert resolve((8, 8), (3, 4), padding=padding).padding == pairs


def test_every_name_is_known():
    for name in PADDING_NAMES:
        assert resolve((8,), (3,), padding=name).rank == 1


def test_rank_0_has_one_position():
    window = resolve((), (), padding="SAME")
    assert window.output_size(()) == ()
    assert window.covers(())


def test_published_sizes():
    assert output_size((224, 224), 11, stride=4, padding=2) == (55, 55)  # AlexNet, conv1
    assert output_size((55, 55), 3, stride=2) == (27, 27)  # AlexNet, pool1
    assert output_size((32, 32), 5) == (28, 28)  # LeNet-5, C1
    assert output_size((4, 4), (3, 3), stride=2, padding=2, input_dilation=2) == (5, 5)
