"""Measuring on request: what is met, what may win, what is done with what fails."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import cnn_jax
from cnn_jax import functional as F
from cnn_jax.algorithms import ALGORITHMS, Algorithm, shifted, xla
from cnn_jax.algorithms.choice import cpu_rules, environment, policy, remembered
from cnn_jax.algorithms.tuning import check, measure, sameness

pytestmark = pytest.mark.usefixtures("cache")

X = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(3, 3, 2, 2)).astype(np.float32)


@pytest.fixture
def times(monkeypatch):
    """Milliseconds of each algorithm, in place of timing it: 1 if nothing else is set here."""
    said = {}
    monkeypatch.setattr(
        measure, "_medians", lambda runs, *_: {name: said.get(name, 1.0) for name in runs}
    )
    return said


def add(monkeypatch, name, **sides):
    monkeypatch.setitem(ALGORITHMS, name, Algorithm(**sides, widens=True))


def convolves(program, **platforms):
    """Whether what is lowered of `program` holds a convolution of XLA's."""
    return "stablehlo.convolution" in program.trace(X, KERNEL).lower(**platforms).as_text()


@pytest.mark.usefixtures("times")
def test_meets_what_is_inside_jit_scan_and_grad():
    def loss(kernel, x):
        y, _ = lax.scan(lambda y, _: (F.conv(y, kernel, padding="SAME"), None), x, length=2)
        return F.max_pool(y, (2, 2)).sum() + F.avg_pool(x, (3, 3)).sum()

    shapes = (jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (KERNEL, X))  # which nothing can run
    report = cnn_jax.autotune(jax.jit(jax.grad(loss)), *shapes)
    sides = [row.problem.side for row in report.rows]
    assert sorted(sides) == ["input_grad", "kernel_grad", "max_pool", "output", "sum_pool"]
    assert all(row.milliseconds == {"xla": 1.0, "shifted": 1.0} for row in report.rows)


def test_the_example():
    def loss(kernel, x):
        return F.max_pool(F.conv(x, kernel), (2, 2)).sum()

    shape = jax.ShapeDtypeStruct(X.shape, X.dtype)
    report = cnn_jax.autotune(jax.grad(loss), KERNEL, shape, seconds=0.01)
    assert [row.failures for row in report.rows] == [{}] * 3
    assert str(report).splitlines()[-1] == f"Remembered in {report.file}."


def test_a_winner_is_taken_from_then_on_by_what_was_jitted_before_too(times):
    program = jax.jit(F.conv)
    before = program(X, KERNEL)
    assert convolves(program)
    times["shifted"] = 0.5
    (row,) = cnn_jax.autotune(lambda x: program(x, KERNEL), X).rows
    assert (row.default, row.chosen, row.gain, row.from_cache) == ("xla", "shifted", 2.0, False)
    assert not convolves(program)
    np.testing.assert_allclose(program(X, KERNEL), before, atol=1e-5)
    ((_, chosen),) = policy.pick(row.problem, 0).items()
    assert chosen == policy.Choice("shifted", "measured by cnn_jax.autotune")


@pytest.mark.parametrize(("time", "chosen"), [(0.955, "xla"), (0.95, "shifted"), (2.0, "xla")])
def test_a_winner_gains_5_percent(times, time, chosen):
    times["shifted"] = time
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL).rows
    assert row.chosen == chosen == remembered.lookup(row.problem)
    assert row.gain == (1 / time if chosen == "shifted" else 1)


def test_what_is_remembered_is_measured_again_only_if_asked_for(times):
    cnn_jax.autotune(F.conv, X, KERNEL)
    times["shifted"] = 0.5
    report = cnn_jax.autotune(F.conv, X, KERNEL)
    assert report.rows[0].from_cache
    assert report.rows[0].chosen == "xla"
    assert "(from the cache)" in str(report)
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL, again=True).rows
    assert (row.from_cache, row.chosen) == (False, "shifted")


def raising(*_):
    raise RuntimeError("no such luck\nand more")


def raising_when_run(x, kernel, window, groups):
    y = xla.output(x, kernel, window, groups)
    return jax.pure_callback(raising, y, y)


WRONG = {
    "off": (lambda *given: xla.output(*given) * 1.001, "wrong values: off by 1.0e-03"),
    "nan": (lambda *given: xla.output(*given).at[0, 0, 0, 0].set(jnp.nan), "wrong values"),
    "small": (lambda *given: xla.output(*given)[:1], "wrong values: off by inf"),
    "traced": (raising, "RuntimeError: no such luck"),
    "run": (raising_when_run, "INTERNAL: "),
}


def test_what_fails_or_is_wrong_is_named_and_skipped(times, monkeypatch):
    for name, (output, _) in WRONG.items():
        add(monkeypatch, name, output=output)
        times[name] = 0.1
    report = cnn_jax.autotune(F.conv, X, KERNEL)
    (row,) = report.rows
    assert row.chosen == "xla"
    assert row.milliseconds.keys() == {"xla", "shifted"}
    assert row.failures.keys() == WRONG.keys()
    for name, (_, reason) in WRONG.items():
        assert reason in row.failures[name]
        assert f"    {name} skipped: {row.failures[name]}\n" in str(report)
    assert "and more" not in row.failures["traced"]
    remembered.forget()
    assert cnn_jax.autotune(F.conv, X, KERNEL).rows[0].failures == row.failures


def twice_flipped(x, kernel, window, groups):
    """The same numbers by another program."""
    return xla.output(x[::-1], kernel, window, groups)[::-1]


def test_a_program_is_timed_once_whatever_its_algorithm_is_called(times, monkeypatch):
    def convolved(*given):
        result = xla.output(*given)
        return result + 0 * len(given)

    add(monkeypatch, "again", output=convolved)
    add(monkeypatch, "flipped", output=twice_flipped)
    times |= {"again": 0.1, "flipped": 0.9}
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL).rows
    assert row.failures == {"again": "it compiles to the same program as 'xla'"}
    assert row.milliseconds == {"xla": 1.0, "shifted": 1.0, "flipped": 0.9}
    assert row.chosen == "flipped"


def test_the_default_keeps_its_name_where_another_is_the_same_program(times, monkeypatch):
    add(monkeypatch, "default", output=lambda *given: xla.output(*given))
    rule = cpu_rules.Rule(("output",), lambda problem: True, "default", "never")
    monkeypatch.setattr(cpu_rules, "RULES", (rule,))
    times["shifted"] = 2.0
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL).rows
    assert (row.default, row.chosen, row.gain) == ("default", "default", 1.0)
    assert row.failures == {"xla": "it compiles to the same program as 'default'"}


def test_a_new_algorithm_is_measured_and_explained_by_its_name_alone(times, monkeypatch):
    add(monkeypatch, "newest", output=twice_flipped)
    times["newest"] = 0.5
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL).rows
    assert row.chosen == "newest"
    (output, *_) = F.explain(F.conv, X, KERNEL).parts
    assert (output.algorithm, output.why) == ("newest", "measured by cnn_jax.autotune")


def program(f, *arrays):
    return jax.jit(f).lower(*arrays).compile()


def test_programs_are_the_same_whatever_the_lines_that_wrote_them():
    def one(x):
        return jnp.sin(x).sum(0) * 3

    def other(named_differently):
        first = jnp.sin(named_differently)
        unused = jnp.cos(first)
        del unused
        return 3 * jnp.sum(first, axis=0)

    x = jnp.ones((4, 5))
    known = sameness.fingerprint(program(one, x))
    assert sameness.fingerprint(program(other, x)) == known
    assert sameness.fingerprint(program(one, x[:3])) != known
    assert sameness.fingerprint(program(lambda x: jnp.sin(x).sum(0) * 2, x)) != known
    assert sameness.fingerprint(program(lambda x: jnp.cos(x).sum(0) * 3, x)) != known
    assert sameness.fingerprint(program(lambda x: jnp.sin(x).sum(1) * 3, x)) != known


def test_programs_whose_text_is_not_whole_are_never_the_same():
    x, many = jnp.ones((40, 40)), np.random.default_rng(0).normal(size=(40, 40))
    assert sameness.fingerprint(program(lambda x: x @ many, x)) is None
    assert sameness.fingerprint(SimpleNamespace(as_text=lambda: None)) is None
    assert sameness.fingerprint(SimpleNamespace(as_text=raising)) is None


def test_a_pool_of_floats_is_measured_with_its_gradient(times, monkeypatch):
    def flat(x, window):
        return lax.stop_gradient(shifted.max_pool(x[::-1], window)[::-1])

    add(monkeypatch, "flat", max_pool=flat)
    times["flat"] = 0.1
    (row,) = cnn_jax.autotune(lambda x: F.max_pool(x, (2, 2)), X).rows
    assert row.failures.keys() == {"flat"}
    (row,) = cnn_jax.autotune(lambda x: F.max_pool(x, (2, 2)), X.astype(np.int32)).rows
    assert row.chosen == "flat"


def test_a_default_that_is_wrong_gives_way(times, monkeypatch):
    add(monkeypatch, "default", output=WRONG["off"][0])
    rule = cpu_rules.Rule(("output",), lambda problem: True, "default", "never")
    monkeypatch.setattr(cpu_rules, "RULES", (rule,))
    times["xla"] = 1.01
    report = cnn_jax.autotune(F.conv, X, KERNEL)
    (row,) = report.rows
    assert (row.default, row.chosen, row.gain) == ("default", "shifted", None)
    assert "  -  " in str(report)


@pytest.mark.usefixtures("times")
def test_without_a_reference_nothing_is_measured(cache, monkeypatch):
    monkeypatch.setattr(check, "reference", raising)
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL).rows
    assert (row.chosen, row.milliseconds) == ("xla", {})
    assert row.failures == {"reference": "RuntimeError: no such luck"}
    assert not cache.exists()


DTYPES = ("float32", "bfloat16", "float16", "float8_e5m2", "complex64", "int8", "uint8", "int32")


@pytest.mark.usefixtures("times")
@pytest.mark.parametrize("dtype", DTYPES)
def test_both_algorithms_are_right_in_every_dtype(dtype):
    x, kernel = (jax.ShapeDtypeStruct(a.shape, dtype) for a in (X, KERNEL))
    (row,) = cnn_jax.autotune(F.conv, x, kernel).rows
    assert (row.problem.dtype, row.failures) == (dtype, {})


def test_what_needs_more_workspace_than_allowed_is_not_measured(times, monkeypatch):
    hungry = replace(shifted.ALGORITHM, workspace=lambda problem: 100)
    monkeypatch.setitem(ALGORITHMS, "shifted", hungry)
    times["shifted"] = 0.1
    for asked, allowed in ((None, 99), (99, 100)):
        with F.using(max_workspace=allowed):
            (row,) = cnn_jax.autotune(F.conv, X, KERNEL, max_workspace=asked, again=True).rows
        assert row.milliseconds.keys() == {"xla"}
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL, max_workspace=100, again=True).rows
    assert row.chosen == "shifted"


def test_what_was_measured_is_taken_only_where_it_fits(times, monkeypatch):
    times["shifted"] = 0.5
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL).rows
    hungry = replace(shifted.ALGORITHM, workspace=lambda problem: 100)
    monkeypatch.setitem(ALGORITHMS, "shifted", hungry)
    for limit, taken in ((100, "shifted"), (99, "xla")):
        assert policy.pick(row.problem, limit)["cpu"].algorithm == taken
        with F.using(max_workspace=limit):
            assert F.explain(F.conv, X, KERNEL).parts[0].algorithm == taken
    unable = replace(shifted.ALGORITHM, unsupported=lambda problem: "it is tired")
    monkeypatch.setitem(ALGORITHMS, "shifted", unable)
    assert policy.pick(row.problem, 100)["cpu"].algorithm == "xla"
    assert F.explain(F.conv, X, KERNEL).parts[0].algorithm == "xla"


def test_nothing_to_measure():
    report = cnn_jax.autotune(lambda x: F.conv(x, KERNEL, algorithm="xla") + 1, X)
    assert report.rows == ()
    assert "Nothing to measure" in str(report)


def test_nothing_is_measured_that_was_not_asked_for(cache, monkeypatch):
    monkeypatch.setattr(check, "compiled", raising)
    jax.jit(jax.grad(lambda kernel: F.max_pool(F.conv(X, kernel), (2, 2)).sum()))(KERNEL)
    assert not cache.exists()


def device(platform, version=""):
    client = SimpleNamespace(platform_version=version)
    return SimpleNamespace(platform=platform, device_kind="a chip", client=client)


def test_on_a_device_that_is_no_cpu(times, monkeypatch):
    monkeypatch.setattr(environment, "_device", lambda: device("gpu", "cuda 12080"))
    rule = cpu_rules.Rule(("output",), lambda problem: True, "shifted", "on a CPU")
    monkeypatch.setattr(cpu_rules, "RULES", (rule,))
    program = jax.jit(F.conv)
    assert convolves(program, lowering_platforms=("cuda",))
    times["shifted"] = 0.5
    report = cnn_jax.autotune(F.conv, X, KERNEL)
    assert (report.rows[0].default, report.rows[0].chosen) == ("xla", "shifted")
    assert not convolves(program, lowering_platforms=("cuda",))
    assert convolves(program, lowering_platforms=("tpu",))
    assert '"device": "a chip"' in report.file.read_text()


def test_an_accelerator_is_as_exact_as_its_own_convolution(monkeypatch, times):
    monkeypatch.setattr(environment, "_device", lambda: device("tpu"))
    monkeypatch.setattr(check, "distance", lambda result, _: float(result[0, 0, 0, 0]))
    for name, off in {"xla": 0.01, "shifted": 0.02, "off": 0.05}.items():
        output = lambda x, *_, off=off: jnp.full((2, 4, 4, 2), off, x.dtype)  # noqa: E731
        add(monkeypatch, name, output=output)
    (row,) = cnn_jax.autotune(F.conv, X, KERNEL).rows
    assert row.failures == {"off": "wrong values: off by 5.0e-02 of the largest, 4e-02 allowed"}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"f": 3}, "TypeError: `f` must be callable; got 3."),
        ({"seconds": 0}, "ValueError: `seconds` must be a finite number above 0; got 0."),
        ({"seconds": -1.0}, "ValueError: `seconds` must be a finite number above 0; got -1.0."),
        ({"seconds": "1"}, "TypeError: `seconds` must be a finite number above 0; got '1'."),
        ({"again": 1}, "TypeError: `again` must be True or False; got 1."),
        ({"max_workspace": 0.5}, "TypeError: `max_workspace` must be an int, in bytes; got 0.5."),
        ({"max_workspace": -1}, "ValueError: `max_workspace` must be at least 0 bytes; got -1."),
    ],
)
def test_wrong_use(given, error):
    with pytest.raises((TypeError, ValueError)) as raised:
        cnn_jax.autotune(**{"f": F.conv, **given})
    assert f"{raised.type.__name__}: {raised.value}" == error


def test_not_inside_of_jit():
    with pytest.raises(TypeError, match="must be called outside of jit"):
        jax.jit(lambda x: cnn_jax.autotune(F.conv, x, KERNEL))(X)


def test_there_is_nothing_else_by_that_name():
    with pytest.raises(AttributeError, match="module 'cnn_jax' has no attribute 'autotun'"):
        cnn_jax.autotun  # noqa: B018
