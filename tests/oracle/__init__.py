"""What the library computes, in plain NumPy loops: the truth that it is held to.

Shares no code with the library and imports no JAX. Nearly everything is told by one list:

    output position p, through window tap t, reads input element i

for every p and t in row-major order (`_reads.py`); taps that read a zero, of the padding or between
the elements of a dilated input, are left out. A convolution is `y[p] += x[i] @ kernel[t]`, its
gradients walk the same list the other way, and a pool folds over it.

Names, arguments and options are those of `cnn_jax.functional`, without `algorithm`, `precision` and
dtypes. Channels last, any batch axes, any spatial rank. Floats are computed in float64, integers in
int64; the caller casts the result. Sizes that do not fit are a ValueError.
"""

from ._adaptive import adaptive_avg_pool as adaptive_avg_pool
from ._adaptive import adaptive_max_pool as adaptive_max_pool
from ._adaptive import fractional_max_pool as fractional_max_pool
from ._antialiasing import blur_pool as blur_pool
from ._antialiasing import polyphase_pool as polyphase_pool
from ._antialiasing import polyphase_unpool as polyphase_unpool
from ._choices import max_pool_grad as max_pool_grad
from ._choices import max_pool_with_indices as max_pool_with_indices
from ._choices import max_unpool as max_unpool
from ._choices import stochastic_pool as stochastic_pool
from ._choices import stochastic_pool_chances as stochastic_pool_chances
from ._convolution import conv as conv
from ._convolution import conv_input_grad as conv_input_grad
from ._convolution import conv_kernel_grad as conv_kernel_grad
from ._convolution import conv_local as conv_local
from ._convolution import depthwise_conv as depthwise_conv
from ._convolution import separable_conv as separable_conv
from ._deformation import deform_conv as deform_conv
from ._interpolation import sample as sample
from ._interpolation import upsample as upsample
from ._lax import conv_general_dilated as conv_general_dilated
from ._lax import reduce_window as reduce_window
from ._pooling import avg_pool as avg_pool
from ._pooling import global_avg_pool as global_avg_pool
from ._pooling import global_max_pool as global_max_pool
from ._pooling import lp_pool as lp_pool
from ._pooling import max_pool as max_pool
from ._pooling import min_pool as min_pool
from ._pooling import sum_pool as sum_pool
from ._rearrangement import depth_to_space as depth_to_space
from ._rearrangement import fold as fold
from ._rearrangement import pad as pad
from ._rearrangement import space_to_depth as space_to_depth
from ._rearrangement import unfold as unfold
from ._transposition import conv_transpose as conv_transpose
