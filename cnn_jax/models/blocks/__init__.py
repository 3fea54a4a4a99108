"""What several networks share: the style of their layers, their usual block, their input and head.

In: options as a user writes them, and feature maps. Out: layers, and feature maps. Each file of
networks says in its table what it builds of these.
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
from ._shrinking import LEAST as LEAST
from ._shrinking import max_pool as max_pool
from ._shrinking import shrink as shrink
from ._squeeze_excite import SqueezeExcite as SqueezeExcite
from ._style import ACTIVATIONS as ACTIVATIONS
from ._style import Style as Style
