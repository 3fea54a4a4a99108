"""The front door names every public function in its docstring; each is tested by the table."""

import re

from cnn_jax import functional as F
from tests.operations import OPERATIONS


def test_the_docstring_lists_every_function_and_no_other():
    public = {name for name in vars(F) if not name.startswith("_") and callable(vars(F)[name])}
    listed = set(re.findall(r"`(\w+)`", F.__doc__))
    assert listed == public


# `tests.cases` has a table of convolutions, and `test_drop_ins` calls of `reduce_window`.
ELSEWHERE = {"conv", "reduce_window", "explain", "using"}


def test_the_table_of_operations_has_every_function():
    functions = {operation.function for operation in OPERATIONS}
    assert functions | ELSEWHERE == set(re.findall(r"`(\w+)`", F.__doc__))
