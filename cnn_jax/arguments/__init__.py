"""What a user may write for a name, a number, a flag or a dtype: checked here, for every layer.

Each check takes the argument's name and its value, and returns the value as plain Python has it or
raises an error that says the rule and what was given. Nothing here imports JAX. An array given
where a name or a number is meant is refused like any other wrong value, and is never compared.
"""

from ._calls import with_hints as with_hints
from ._dtypes import dtype as dtype
from ._integers import LARGEST as LARGEST
from ._integers import as_int as as_int
from ._integers import integer as integer
from ._integers import lengths as lengths
from ._integers import not_a_tuple as not_a_tuple
from ._integers import per_axis as per_axis
from ._names import did_you_mean as did_you_mean
from ._names import flag as flag
from ._names import function as function
from ._names import one_of as one_of
from ._numbers import number as number
from ._numbers import span as span
from ._texts import count as count
from ._texts import if_traced as if_traced
from ._texts import shown as shown
