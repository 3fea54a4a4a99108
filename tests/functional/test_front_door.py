"""The front door names every public function in its docstring, and nothing else."""

import re

from cnn_jax import functional as F


def test_the_docstring_lists_every_function_and_no_other():
    public = {name for name in vars(F) if not name.startswith("_") and callable(vars(F)[name])}
    listed = set(re.findall(r"`(\w+)`", F.__doc__))
    assert listed == public
