"""Receptive fields: which interval of each input axis a unit sees, and how operations change it.

In: the `Field` of an array for one axis of one input, and an operation on the array: a window
slides, axes are reduced, permuted, reshaped. Out: the `Field` of the result. `walked` does so for
a whole program. `rules` says which primitive of JAX is which operation.
"""

from ._field import NO_HIGH as NO_HIGH
from ._field import NO_LOW as NO_LOW
from ._field import Field as Field
from ._field import Sight as Sight
from ._field import along as along
from ._field import capped as capped
from ._field import chained as chained
from ._field import dropped as dropped
from ._field import masked as masked
from ._field import permuted as permuted
from ._field import reads as reads
from ._field import reduced as reduced
from ._field import sliced as sliced
from ._field import sliced_into as sliced_into
from ._field import slid as slid
from ._field import spread as spread
from ._field import thinned as thinned
from ._field import wholly as wholly
from ._nominal import Nominal as Nominal
from ._nominal import Number as Number
from ._phases import phases as phases
from ._reshaping import reshaped as reshaped
from ._seeing import Seeing as Seeing
from ._seeing import Walk as Walk
from ._seeing import walked as walked
from ._units import checked_unit as checked_unit
from ._units import chosen_output as chosen_output
from ._units import followed as followed
from ._units import spatial_axes as spatial_axes
from ._units import spatial_of as spatial_of
