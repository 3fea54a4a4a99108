"""How an operation is computed: one algorithm per file, the same functions in each.

Each algorithm's file exports one `Algorithm`, a record of functions; a function that the algorithm
does not offer is None. `python -m cnn_jax.algorithms` lists the algorithms.

    _contract.py     `Algorithm`, the type, and `Problem`, the shapes that it is asked about
    _operations.py   an algorithm's functions, made differentiable: what the layers above call
    parts/           functions that several algorithms share
    choice/          the algorithms by name, and which one computes a call
    tuning/          measuring them on request, `cnn_jax.autotune`

The layers above import from here only. To add an algorithm, add a file here and a line in
`choice/registry.py`. With a rule in `choice/cpu_rules.py`, which states its measurement,
``"auto"`` chooses it.
"""

from ._contract import Algorithm as Algorithm
from ._contract import Problem as Problem
from ._operations import convolve as convolve
from ._operations import convolve_transposed as convolve_transposed
from ._operations import slide as slide
from .choice import ALGORITHMS as ALGORITHMS
from .choice import choose as choose
from .choice import noting as noting
from .choice import using as using
from .parts.dtypes import sum_dtype as sum_dtype
from .parts.extremes import at_first_extreme as at_first_extreme
from .parts.extremes import highest as highest
from .parts.extremes import larger as larger
from .parts.extremes import lowest as lowest
from .parts.extremes import smaller as smaller
from .parts.mesh_axes import vary_alike as vary_alike
from .parts.taps import crop as crop
from .parts.taps import cropped as cropped
from .parts.taps import padded as padded
from .parts.taps import starts as starts
from .parts.taps import uncropped as uncropped
from .tuning import autotune as autotune
