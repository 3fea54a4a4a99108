"""Window arithmetic: against the shapes that lax gives, and positions counted one by one."""

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from cnn_jax import geometry
from cnn_jax.arguments import LARGEST
from cnn_jax.geometry import (
    PADDING_NAMES,
    Window,
    fit,
    output_size,
    resolve,
    resolve_transposed,
)

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


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((3, 2), "SAME"), (3, "CAUSAL")])
@pytest.mark.parametrize("axis", [0, 1])
def test_output_shape_is_any_input_with_such_an_output_and_no_other(stride, padding, axis):
    options = {"stride": stride, "padding": padding}
    shape = list(resolve_transposed((4, 3), (3, 2), **options)[0])
    right = 0
    for shape[axis] in range(1, 25):
        if is_an_input(shape, (4, 3), options):
            found, window = resolve_transposed((4, 3), (3, 2), output_shape=shape, **options)
            assert (list(found), window.output_size(found)) == (shape, (4, 3))
            right += 1
        else:
            with pytest.raises(ValueError, match="`output_shape` must be one from which"):
                resolve_transposed((4, 3), (3, 2), output_shape=shape, **options)
    assert right == (stride if isinstance(stride, int) else stride[axis])


def is_an_input(shape, positions, options):
    """Whether a window of 3 x 2 has so many positions on it."""
    try:
        return output_size(shape, (3, 2), **options) == positions
    except ValueError:  # too short for one
        return False


HUGE = [2**31, 2**40, 2**63, 2**70, 10**400, 10**5000]


@pytest.mark.parametrize("huge", HUGE, ids=lambda n: f"{n.bit_length()} bits")
@pytest.mark.parametrize("option", ["stride", "padding", "dilation", "input_dilation", "window"])
def test_an_option_beyond_32_bits_is_refused_by_name(option, huge):
    for value in (huge, (1, huge), -huge, (1, -huge)):
        with pytest.raises(ValueError, match=rf"`{option}` must be .* on every axis; got .*\."):
            output_size((8, 8), **({"window": 3} | {option: value}))


@pytest.mark.parametrize(
    ("option", "value", "lengths"),
    [
        ("padding", LARGEST, "(4294967302, 4294967302)"),
        ("dilation", LARGEST, "(4294967295, 4294967295)"),
        ("input_dilation", LARGEST, "(15032385530, 15032385530)"),
        ("padding", ((LARGEST - 7, 0), 0), "(2147483648, 8)"),
        ("padding", ((LARGEST - 8, 0), 28), "(2147483647, 64)"),
        ("padding", 2**17, "(262152, 262152)"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(option, value, lengths):
    rule = rf"`{option}` must leave at most 2147483647 elements on an axis and 68719476736 in a "
    with pytest.raises(ValueError, match=rule) as raised:
        output_size((8, 8), 3, **{option: value})
    assert str(raised.value).endswith(f" spans {lengths}.")


def test_what_can_be_counted_is_not_refused():
    assert output_size((8,), 3, padding=((LARGEST - 8, 0),)) == (LARGEST - 2,)
    assert output_size((8,), 3, padding=((LARGEST, -LARGEST),)) == (6,)
    assert resolve_transposed((1,), (3,), stride=LARGEST)[0] == (3,)
    for option, value in (("stride", LARGEST), ("padding", -LARGEST)):
        with pytest.raises(ValueError, match=f"`{option}` must leave at most"):
            resolve_transposed((8,), (3,), **{option: value})


def test_steps_that_are_never_taken_do_not_count():
    window = resolve((8,), 1, stride=LARGEST, dilation=LARGEST, padding=1)
    assert window.output_size((8,)) == (1,)
    drops, exact = fit(window, (8,))
    assert (exact.stride, exact.dilation) == ((10,), (10,))
    assert drops == ((8, 0),)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: output_size(8, 3),
            TypeError,
            "`spatial` must be a tuple with one int per spatial",
        ),
        (lambda: output_size((8, 8), size=3), TypeError, "no argument `size`: write `window`."),
        (lambda: output_size((8, 8), 3, strides=2), TypeError, "`strides`: write `stride`."),
        (lambda: output_size(None, 3), TypeError, "`spatial` must be a tuple"),
        (lambda: output_size((8, -1), 3), ValueError, "`spatial` must be at least 0 on every axis"),
        (lambda: output_size((8,), 3, padding=b"a"), TypeError, "`padding` must be one of 'VALID'"),
        (lambda: output_size((8, 8), 3, padding=(b"ab", 1)), TypeError, "got (b'ab', 1)."),
        (lambda: output_size((8, 8), 3, padding="SAMEE"), ValueError, "Did you mean 'SAME'?"),
        (lambda: resolve((8,), 3, ceil_mode="yes"), TypeError, "`ceil_mode` must be True or False"),
        (lambda: resolve_transposed(8, 3), TypeError, "`positions` must be a tuple"),
        (lambda: geometry.adaptive_windows(7, 0), ValueError, "`windows` must be a positive int"),
        (lambda: geometry.adaptive_windows(2**31, 1), ValueError, "`n` must be at most"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, kind, text):
    with pytest.raises(kind) as raised:
        call()
    assert text in str(raised.value)
