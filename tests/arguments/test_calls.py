"""Calls that do not fit a signature: which argument was meant."""

import inspect

import pytest

from cnn_jax.arguments import with_hints


@with_hints
def pool(x, window, *, stride=None, padding="VALID", base_dilation=1):
    """Pools."""
    if padding == "wrong":
        raise TypeError("`padding` is wrong.")
    return x, window, stride


WRONG = [
    (lambda: pool(0, 1, strides=2), "`pool` has no argument `strides`: write `stride`."),
    (lambda: pool(0, 1, Strides=2), "`pool` has no argument `Strides`: write `stride`."),
    (lambda: pool(0, kernel_size=2), "`pool` has no argument `kernel_size`: write `window`."),
    (lambda: pool(0, 1, lhs_dilation=2), "`lhs_dilation`: write `base_dilation`."),
    (lambda: pool(0, 1, data_format="NCHW"), "`data_format`: arrays are channels last."),
    (lambda: pool(0, 1, return_indices=True), "`return_indices`: use `max_pool_with_indices`."),
    (
        lambda: pool(0, 1, paddingg=1),
        "`pool` has no argument `paddingg`; it has `x`, `window`, `stride`, `padding`, "
        "`base_dilation`. Did you mean 'padding'?",
    ),
    (
        lambda: pool(0, 1, 2),
        "`pool` takes at most `x`, `window` by position; got 3 arguments. Write options by name, "
        "such as `stride=2`.",
    ),
    (lambda: pool(0), "`pool` needs `window`."),
    (lambda: pool(window=1), "`pool` needs `x`."),
    (lambda: pool(0, 1, window=2), "`pool` got `window` twice, by position and by name."),
    (lambda: pool(0, 1, padding="wrong"), "`padding` is wrong."),
]


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_a_call_that_does_not_fit_is_told_what_was_meant(index):
    call, text = WRONG[index]
    with pytest.raises(TypeError) as raised:
        call()
    assert str(raised.value).endswith(text)
    assert raised.value.__cause__ is None


def test_an_error_of_the_function_itself_is_left_alone():
    @with_hints
    def outer(x):
        return pool(x, missing=1)

    with pytest.raises(TypeError, match="`pool` has no argument `missing`"):
        outer(0)

    @with_hints
    def foreign(x):
        return (lambda: x)(1)

    with pytest.raises(TypeError, match=r"takes 0 positional arguments but 1 was given"):
        foreign(0)


def test_a_right_call_and_the_signature_are_what_they_were():
    assert pool(0, window=1, stride=2) == (0, 1, 2)
    assert str(inspect.signature(pool)) == (
        "(x, window, *, stride=None, padding='VALID', base_dilation=1)"
    )
    assert (pool.__name__, pool.__doc__) == ("pool", "Pools.")
