"""Which input element each element depends on: the arithmetic of dependences.

In: for each array a layer of booleans for every element of the data, and a step that reads it. Out:
the layers of what the step makes. Which primitive of JAX does what is said in `rules`.
"""

from ._depending import Dependence as Dependence
from ._depending import Depending as Depending
from ._replay import products as products
