"""Measuring on request: `cnn_jax.autotune`.

In comes a function and its arguments; out comes a report, and `choice.remembered` knows the fastest
algorithm for every convolution and pool in it. `measure` times the algorithms, `check` compiles
each and compares its results with XLA's, `report` holds what was found and prints it.
"""

from .measure import autotune as autotune
