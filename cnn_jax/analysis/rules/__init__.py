"""What each primitive of JAX means; here a rule for a new one is added.

In: a `Program`. Out: `walk` says what the units of every array see, and `RULES` what happens to
dependences. A primitive without a rule is taken to see all of its operands, and that is said.
"""

from ._dependence import RULES as RULES
from ._sliding import window_of as window_of
from ._units import checked_unit as checked_unit
from ._units import chosen_output as chosen_output
from ._units import followed as followed
from ._units import spatial_axes as spatial_axes
from ._units import spatial_of as spatial_of
from ._walk import Walk as Walk
from ._walk import walk as walk
