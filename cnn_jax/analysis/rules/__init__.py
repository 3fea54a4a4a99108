"""What each primitive of JAX means; here a rule for a new one is added.

In: a `Program`. Out: `walk` says what the units of every array see, `dependences` what each element
depends on. `RULES` has one entry for each primitive, a `Rule`, in the file of its kind; add another
to the `RULES` of that file. A primitive without an entry is taken to see all that it reads, and
that is said.
"""

from ._every import RULES as RULES
from ._every import dependences as dependences
from ._every import walk as walk
from ._windows import window_of as window_of
