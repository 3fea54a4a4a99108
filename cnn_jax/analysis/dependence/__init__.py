"""Which input element each element depends on: the arithmetic of indicators.

In: for each array a layer of booleans for every element of the data, and what is done to the array.
Out: the layers of the result. Which primitive of JAX does what is said in `rules`.
"""

from ._indicators import Dependences as Dependences
from ._indicators import Indicator as Indicator
from ._indicators import Rule as Rule
from ._indicators import products as products
