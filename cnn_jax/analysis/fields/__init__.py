"""What units see of the inputs: the arithmetic of receptive fields.

In: what the units of an array see along each axis of each input, a `Field`, and what is done to
the array: a window slides, axes are reduced, permuted, reshaped. Out: the fields of the result.
Nothing here knows a primitive of JAX; which one does what is said in `rules`.
"""

from ._context import Context as Context
from ._context import Rule as Rule
from ._context import union as union
from ._field import NO_HIGH as NO_HIGH
from ._field import NO_LOW as NO_LOW
from ._field import Field as Field
from ._field import Key as Key
from ._field import Sight as Sight
from ._field import along as along
from ._field import capped as capped
from ._field import chained as chained
from ._field import dropped as dropped
from ._field import masked as masked
from ._field import of_input as of_input
from ._field import permuted as permuted
from ._field import reads as reads
from ._field import reduced as reduced
from ._field import slid as slid
from ._field import spread as spread
from ._field import taken as taken
from ._field import wholly as wholly
from ._nominal import Nominal as Nominal
from ._nominal import Number as Number
from ._reshaping import reshaped as reshaped
