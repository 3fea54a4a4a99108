"""Which algorithm computes a call.

Input: the `algorithm` that a call names, and its `Problem`. Output: the `Algorithm` to compute it.

============  ======================================================================
`registry`    the algorithms by name, and which of them fit a problem
`cpu_rules`   the fast algorithm for each problem on a CPU, with its measurement
`remembered`  what `cnn_jax.autotune` measured on this machine (`environment`)
`policy`      the choice between them: what was measured here, else the rules
`settings`    what a caller decides for a block of code: `using`
`auto`        an algorithm that asks the policy for each side
`call`        the algorithm for one call
============  ======================================================================
"""

from .call import choose as choose
from .registry import ALGORITHMS as ALGORITHMS
from .registry import candidates as candidates
from .settings import noting as noting
from .settings import using as using
