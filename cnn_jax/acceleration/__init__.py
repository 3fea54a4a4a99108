"""Any JAX function, with its convolutions and pools computed by this library: `accelerate`.

In: a function that calls `jax.lax` itself or through Haiku, Equinox, Flax, Keras. Out: the same
function, whose jaxpr is computed equation by equation.

    _accelerate.py    `accelerate`, for functions of any arguments
    _explanation.py   `explain`: what is replaced, what is left, and why
    _traced.py        from a call to a jaxpr and its arrays, and back
    _interpreter.py   running a jaxpr
    _planning.py      which equations are replaced
    _convolutions.py  convolutions, their input gradients and their kernel gradients
    _windows.py       pools, their gradients and their tangents
    _plan.py          `Plan`, what becomes of one equation
    _rebuilt.py       loops, branches and calls around them
    _custom.py        functions with derivatives of their own
    _equations.py     reading equations, for all versions of JAX
"""

from ._accelerate import accelerate as accelerate
from ._explanation import Explanation as Explanation
from ._explanation import Place as Place
from ._explanation import explain as explain
