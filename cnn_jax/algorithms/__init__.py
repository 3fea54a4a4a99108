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

Each file exports one `Algorithm`, whose attributes say what its functions take and give; a function
that a file does not offer is None. `choice.registry` lists them by name.

`parts` holds what several algorithms are made of, `choice` decides which one computes a call, and
`tuning` measures them on request. What the layers above use is exported here.
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
from .parts.taps import padded as padded
from .parts.taps import starts as starts
from .parts.taps import uncropped as uncropped
from .tuning import autotune as autotune
