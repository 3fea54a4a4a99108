"""Which elements of the inputs each element of an array depends on, and how steps change that.

In: for each operand of a step one layer of booleans per element of the data. Out: the layers of
what the step makes. `rules` says what each primitive of JAX does.
"""

from ._depending import Dependence as Dependence
from ._depending import Depending as Depending
from ._replay import products as products
