"""Window arithmetic of convolution and pooling: integers in, integers out.

A window of ``size`` taps slides over an input. Per spatial axis, with input length ``n``:

    dilated input   m = (n - 1) * base_dilation + 1        zeros between the input's elements
    padded input    m + low + high                         negative padding crops
    dilated window  k = (size - 1) * dilation + 1          gaps between the window's taps
    positions       (m + low + high - k) // stride + 1     the output length

Output position ``p`` and tap ``t`` meet at element ``p * stride + t * dilation`` of the padded
input. Everything a user may write for a window (an int, a tuple, ``"SAME"``) becomes one `Window`
here, once; the layers above handle tuples only.

References:
    Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016,
    arXiv:1603.07285.
"""

from ._limits import check_lengths as check_lengths
from ._limits import check_size as check_size
from ._padding import PADDING_MODES as PADDING_MODES
from ._padding import PADDING_NAMES as PADDING_NAMES
from ._padding import PaddingLike as PaddingLike
from ._padding import PaddingMode as PaddingMode
from ._padding import Pair as Pair
from ._padding import as_pairs as as_pairs
from ._padding import check_padding as check_padding
from ._padding import padding_mode as padding_mode
from ._padding import padding_pairs as padding_pairs
from ._resolve import fit as fit
from ._resolve import output_size as output_size
from ._resolve import resolve as resolve
from ._transposed import resolve_transposed as resolve_transposed
from ._uneven import adaptive_windows as adaptive_windows
from ._window import Window as Window
from ._window import dilated as dilated
