"""Flax modules: each holds parameters and makes one call of `cnn_jax.functional`.

Only operations with parameters get a module; pooling is a function. For the rest of a network use
Flax's own: `flax.nnx.Linear`, `flax.nnx.Dropout`, `flax.nnx.BatchNorm`.
"""

from ._convolution import Conv as Conv
from ._deformable import DeformConv as DeformConv
from ._depthwise import DepthwiseConv as DepthwiseConv
from ._initializers import flat as flat
from ._initializers import for_activation as for_activation
from ._initializers import variance_scaling as variance_scaling
from ._local import ConvLocal as ConvLocal
from ._separable import SeparableConv as SeparableConv
from ._transposed import ConvTranspose as ConvTranspose
from ._whitening import whitening as whitening
