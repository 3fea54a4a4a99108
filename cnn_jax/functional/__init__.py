"""What the operations are: pure functions of arrays, for research code.

``from cnn_jax import functional as F``. Arrays are positional and channels last, options are
keyword-only; every function works under every JAX transformation, to any order.

==============  ====================================================================
convolution     `conv`, `conv_transpose` (its exact adjoint), `depthwise_conv`,
                `separable_conv`, `conv_local` (a kernel for each position),
                `deform_conv` (taps at learned places)
pooling         `max_pool`, `min_pool`, `avg_pool`, `sum_pool`, `lp_pool`;
                `max_pool_with_indices`, `max_unpool`
to one size     `global_avg_pool`, `global_max_pool`, `adaptive_avg_pool`,
                `adaptive_max_pool`
random pooling  `fractional_max_pool`, `stochastic_pool`
anti-aliased    `blur_pool`, `polyphase_pool`, `polyphase_unpool`
rearrangement   `unfold`, `fold`, `space_to_depth`, `depth_to_space`, `pad`
interpolation   `upsample`, `sample` (at given points: warps, spatial transformers)
drop-ins        `conv_general_dilated`, `reduce_window`, with the signatures of `jax.lax`
the algorithm   `using` sets it for a block of code, `explain` says which one runs, and why
==============  ====================================================================

A pool acts on each channel alone. Results have the input's dtype; bfloat16 and float16 are summed
in float32. The gradient of a maximum goes to the first of several equal maxima.
"""

from cnn_jax.algorithms import using as using

from ._adaptive import adaptive_avg_pool as adaptive_avg_pool
from ._adaptive import adaptive_max_pool as adaptive_max_pool
from ._adaptive import global_avg_pool as global_avg_pool
from ._adaptive import global_max_pool as global_max_pool
from ._antialiased import blur_pool as blur_pool
from ._antialiased import polyphase_pool as polyphase_pool
from ._antialiased import polyphase_unpool as polyphase_unpool
from ._convolution import conv as conv
from ._deformable import deform_conv as deform_conv
from ._depthwise import depthwise_conv as depthwise_conv
from ._depthwise import separable_conv as separable_conv
from ._explanation import explain as explain
from ._indices import max_pool_with_indices as max_pool_with_indices
from ._indices import max_unpool as max_unpool
from ._lax_convolution import conv_general_dilated as conv_general_dilated
from ._lax_reduction import reduce_window as reduce_window
from ._local import conv_local as conv_local
from ._padding import pad as pad
from ._patches import fold as fold
from ._patches import unfold as unfold
from ._pooling import avg_pool as avg_pool
from ._pooling import lp_pool as lp_pool
from ._pooling import max_pool as max_pool
from ._pooling import min_pool as min_pool
from ._pooling import sum_pool as sum_pool
from ._random_pooling import fractional_max_pool as fractional_max_pool
from ._random_pooling import stochastic_pool as stochastic_pool
from ._rearrangement import depth_to_space as depth_to_space
from ._rearrangement import space_to_depth as space_to_depth
from ._sampling import sample as sample
from ._transposed import conv_transpose as conv_transpose
from ._upsampling import upsample as upsample
