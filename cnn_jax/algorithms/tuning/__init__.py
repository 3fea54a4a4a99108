"""Measuring on request: `cnn_jax.autotune`.

Input: a function and its arguments. Output: a report; and `choice.remembered` then knows the
fastest algorithm for every convolution and pool in the function. `measure` times the algorithms,
`check` compiles each and compares its results with XLA's, `sameness` tells equal programs, `report`
holds and prints what was found.
"""

from .measure import autotune as autotune
