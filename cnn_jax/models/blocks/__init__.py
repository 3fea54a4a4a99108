"""Parts that several networks share: options, a block, downsampling, dropout, checks and the head.

In: a network's options, as a user gives them. Out: the network's layers, which map feature maps to
feature maps. The table in the file of each network says what the network consists of.
"""

from ._channels import scaled as scaled
from ._conv_norm import ConvNorm as ConvNorm
from ._conv_norm import normalization as normalization
from ._dropping import drop_blocks as drop_blocks
from ._dropping import drop_values as drop_values
from ._head import check_classes as check_classes
from ._head import check_rngs as check_rngs
from ._head import head as head
from ._head import last as last
from ._images import check_image_size as check_image_size
from ._images import check_images as check_images
from ._images import check_latents as check_latents
from ._shrinking import LEAST as LEAST
from ._shrinking import max_pool as max_pool
from ._shrinking import shrink as shrink
from ._squeeze_excite import SqueezeExcite as SqueezeExcite
from ._style import ACTIVATIONS as ACTIVATIONS
from ._style import Style as Style
