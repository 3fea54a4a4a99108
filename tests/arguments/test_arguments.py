"""What a user may write for a name, a number, a flag, a dtype, and what a wrong one is told."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import arguments

MANY = tuple(f"net{number}" for number in range(30))

GOOD = [
    (arguments.integer("n", np.int64(3), at_least=1), 3),
    (arguments.integer("n", np.array(3)), 3),
    (arguments.integer("n", -(2**31)), -(2**31)),
    (arguments.integer("n", 2**40, at_most=2**40), 2**40),
    (arguments.per_axis("s", 2, 3, "`x`"), (2, 2, 2)),
    (arguments.per_axis("s", [1, np.int8(2)], 2, "`x`"), (1, 2)),
    (arguments.per_axis("s", (), 0, "`x`"), ()),
    (arguments.number("p", np.float32(0.5), at_least=0, below=1), 0.5),
    (arguments.number("p", 0, at_least=0, below=1), 0.0),
    (arguments.span("r", np.float32(2)), (2.0, 2.0)),
    (arguments.span("r", [0, 0]), (0.0, 0.0)),
    (arguments.one_of("a", None, ("b", None)), None),
    (arguments.one_of("a", np.str_("b"), ("b", None)), "b"),
    (arguments.flag("f", np.bool_(True)), True),
    (arguments.function("f", len, "a list"), len),
    (arguments.dtype("d", jnp.bfloat16), jnp.dtype("bfloat16")),
    (arguments.dtype("d", "float32"), np.dtype("float32")),
]


@pytest.mark.parametrize("index", range(len(GOOD)))
def test_what_is_right_is_returned_as_plain_python_has_it(index):
    found, expected = GOOD[index]
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, str)


WRONG = [
    (lambda: arguments.integer("n", True), TypeError, "`n` must be an int; got True."),
    (lambda: arguments.integer("n", 2.0, at_least=0), TypeError, "an int of at least 0; got 2.0."),
    (lambda: arguments.integer("n", 0, at_least=1), ValueError, "a positive int; got 0."),
    (lambda: arguments.integer("n", 2**31), ValueError, "at most 2147483647; got 2147483648."),
    (lambda: arguments.integer("n", -(2**31) - 1), ValueError, "`n` must be"),
    (lambda: arguments.integer("n", 10**5000), ValueError, "got an int of 16610 bits."),
    (lambda: arguments.integer("n", np.ones((2, 3))), TypeError, "got an array of float64[2, 3]."),
    (lambda: arguments.per_axis("s", (1, 2), 3, "`x`"), ValueError, "int or 3 ints, one per"),
    (lambda: arguments.per_axis("s", b"ab", 2, "`x`"), TypeError, "got b'ab'."),
    (lambda: arguments.per_axis("s", (1, 0), 2, "`x`"), ValueError, "at least 1 on every axis"),
    (lambda: arguments.per_axis("s", 2**70, 2, "`x`"), ValueError, "on every axis; got"),
    (lambda: arguments.per_axis("s", (10**5000,), 1, "`x`"), ValueError, "got a tuple."),
    (lambda: arguments.number("p", "0", below=1), TypeError, "a finite number below 1; got '0'."),
    (lambda: arguments.number("p", True), TypeError, "a finite number; got True."),
    (lambda: arguments.number("p", 1j), TypeError, "a finite number; got 1j."),
    (lambda: arguments.number("p", 10**400, above=0), ValueError, "a finite number above 0; got"),
    (lambda: arguments.number("p", float("nan")), ValueError, "a finite number; got nan."),
    (lambda: arguments.number("p", 1, at_least=0, below=1), ValueError, "in [0, 1); got 1."),
    (lambda: arguments.number("p", 0, above=0, at_most=1), ValueError, "in (0, 1]; got 0."),
    (lambda: arguments.span("r", (1,)), ValueError, "a number or a pair (low, high); got (1,)."),
    (lambda: arguments.span("r", (2, 1)), ValueError, "a finite number of at least 2.0; got 1."),
    (lambda: arguments.span("r", -1), ValueError, "a finite number of at least 0; got -1."),
    (lambda: arguments.span("r", "12"), TypeError, "a finite number of at least 0; got '12'."),
    (lambda: arguments.one_of("a", "Batsh", ("batch", None)), ValueError, "Did you mean 'batch'?"),
    (lambda: arguments.one_of("a", np.ones(2), ("b",)), ValueError, "got an array of float64[2]."),
    (lambda: arguments.one_of("a", True, (1, 2)), ValueError, "must be one of 1, 2; got True."),
    (lambda: arguments.one_of("a", "nett7", MANY), ValueError, "one of 30 names; got 'nett7'."),
    (lambda: arguments.one_of("a", "zzz", MANY), ValueError, "'net29'; got 'zzz'."),
    (lambda: arguments.flag("f", "no"), TypeError, "`f` must be True or False; got 'no'."),
    (lambda: arguments.flag("f", 1), TypeError, "`f` must be True or False; got 1."),
    (lambda: arguments.function("f", 0, "(x)"), TypeError, "`f` must be a function of (x); got 0."),
    (lambda: arguments.dtype("d", "x"), TypeError, "`d` must be a dtype"),
    (lambda: arguments.dtype("d", None), TypeError, "got None."),
    (lambda: arguments.dtype("d", np.ones(3)), TypeError, "got an array of float64[3]."),
    (lambda: arguments.dtype("d", np.float32(3)), TypeError, "`d` must be a dtype, such as"),
    (lambda: arguments.dtype("d", jnp.ones(3)), TypeError, "got an array of float32[3]."),
    (lambda: arguments.dtype("d", (None, None)), TypeError, "got (None, None)."),
    (lambda: arguments.lengths("n", 2), TypeError, "such as (2, 2) for images; got 2."),
    (lambda: arguments.lengths("n", (2, 1.5)), TypeError, "such as (2, 2) for images; got (2, 1"),
    (lambda: arguments.lengths("n", "22", example=7), TypeError, "such as (7, 7) for images; got"),
    (lambda: arguments.lengths("n", (2, 0)), ValueError, "`n` must be at least 1 on every axis"),
]


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_what_is_wrong_is_told_the_rule_and_the_value(index):
    call, kind, text = WRONG[index]
    with pytest.raises(kind) as raised:
        call()
    assert text in str(raised.value)
    assert len(str(raised.value)) < 350


def test_a_traced_value_is_told_to_be_static():
    with pytest.raises(TypeError, match=r"must be an int; got .* Make it static"):
        jax.jit(lambda n: arguments.integer("n", n))(2)
    with pytest.raises(TypeError, match=r"Make it static: `jax.jit\(..., static_argnames='s'\)`"):
        jax.jit(lambda n: arguments.per_axis("s", (n, 1), 2, "`x`"))(2)


def test_they_need_no_jax():
    code = "import sys, cnn_jax.arguments, cnn_jax.geometry; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
