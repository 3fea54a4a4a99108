"""Which epoch is the best, and when to end."""

import math

import pytest

from cnn_jax import training


def history(*losses):
    return [{"epoch": i, "step": i, "loss": loss, "name": "x"} for i, loss in enumerate(losses, 1)]


def test_the_best_is_the_first_of_equals_and_never_nan():
    records = history(3.0, 1.0, math.nan, 1.0, 2.0)
    assert training.Best("loss", "min").of(records)["epoch"] == 2
    assert training.Best("loss").of(records)["epoch"] == 1
    assert training.Best("loss").of([]) is None


@pytest.mark.parametrize(
    ("losses", "ends"),
    [((), False), ((1,), False), ((1, 2), False), ((1, 2, 2), True), ((3, 4, 2, 2), False)],
)
def test_no_better(losses, ends):
    assert training.no_better(training.Best("loss", "min"), epochs=2)(history(*losses)) is ends


def test_wrong_rules_are_refused():
    with pytest.raises(ValueError, match=r"`mode` must be one of 'max', 'min'; got 'less'"):
        training.Best("loss", "less")
    with pytest.raises(TypeError, match="`metric` must be a text; got 3"):
        training.Best(3)
    with pytest.raises(ValueError, match=r"which have epoch, .*; got 'los'\. Did you mean 'loss'"):
        training.Best("los").of(history(1.0))
    with pytest.raises(ValueError, match="got 'name'"):
        training.Best("name").of(history(1.0))
    with pytest.raises(TypeError, match=r"`best` must be a training\.Best; got 'loss'"):
        training.no_better("loss", epochs=3)
    with pytest.raises(ValueError, match="`epochs` must be a positive int; got 0"):
        training.no_better(training.Best("loss"), epochs=0)
