"""What each primitive of JAX does; a rule for a new primitive is added here.

In: a `Program`. Out: `walk` finds the receptive fields of every array, `dependences` the elements
that each output depends on. `RULES` has a `Rule` for each primitive; add one to the `RULES` of the
file that fits. A primitive without a rule is taken to see all that it reads, with a remark.
"""

from ._every import RULES as RULES
from ._every import dependences as dependences
from ._every import walk as walk
from ._windows import window_of as window_of
