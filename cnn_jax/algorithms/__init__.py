"""How an operation is computed: one algorithm per file, the same functions in each.

==============  =====================================================================
``xla``         XLA's own convolution and window reductions: the built-ins
``vmap``        the definition: one window, mapped over positions, channels, images
``toeplitz``    the matrix that a convolution is
``im2col``      patches, block by block, and one matrix product
``shifted``     a sum over taps, of shifted products; depthwise of multiplications
``winograd``    several outputs at once from fewer multiplications
``fft``         products of spectra, for large windows
``phases``      strides undone phase by phase: transposed convolutions
``planes``      one and three spatial axes as convolutions of two
``separable``   pooling, one axis after the other
==============  =====================================================================

An algorithm is a module. For a convolution it has

    output(x, kernel, window, groups)
    input_grad(kernel, g, window, groups)      if it is good at this side
    kernel_grad(x, g, window, groups)          likewise

with ``WIDENS``, which says whether it sums narrow numbers in wider ones by itself (or wants wider
ones as its arguments); for pooling ``max_pool``, ``min_pool`` and ``sum_pool``, each of ``(x,
window)``; ``patches``, likewise, for `unfold`; and ``local(x, kernel, window, groups)`` for
`conv_local`. Arrays have one batch axis, windows are exact (`geometry.fit`), and that is all an
algorithm sees of a call.

What it does not compute it says in ``unsupported(problem)``, which gives a reason or None, and what
memory it expects to take in ``workspace(problem)``, in bytes; `problem` is a `Problem`, the shapes
of a call.

`parts` holds what several algorithms are made of, `choice` decides which one computes a call, and
`tuning` measures them on request. What the layers above use is exported here.
"""

from ._contract import Problem as Problem
from .choice import ALGORITHMS as ALGORITHMS
from .choice import choose as choose
from .choice import noting as noting
from .choice import using as using
from .choice import workspace as workspace
from .parts.dtypes import sum_dtype as sum_dtype
from .parts.extremes import at_first_extreme as at_first_extreme
from .parts.extremes import highest as highest
from .parts.extremes import larger as larger
from .parts.extremes import lowest as lowest
from .parts.extremes import smaller as smaller
from .parts.sides import convolve as convolve
from .parts.sides import convolve_transposed as convolve_transposed
from .parts.sides import vary_alike as vary_alike
from .parts.taps import crop as crop
from .parts.taps import padded as padded
from .parts.taps import starts as starts
from .parts.taps import uncropped as uncropped
from .tuning import autotune as autotune
