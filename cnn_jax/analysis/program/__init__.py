"""What a function does, as a flat list of steps; nothing runs.

In: any callable of arrays, and the shapes of its data. Out: a `Program`, whose steps read and make
values: called functions are put in place of their calls, parameters have paths, loops and branches
hold their bodies. `Known` computes what neither data nor parameters decide, `evaluate` runs it all.
"""

from ._inlining import body_program as body_program
from ._opening import Leaf as Leaf
from ._primitives import BILINEAR as BILINEAR
from ._primitives import CUMULATIONS as CUMULATIONS
from ._primitives import ELEMENTWISE as ELEMENTWISE
from ._primitives import MOVES as MOVES
from ._primitives import REDUCTIONS as REDUCTIONS
from ._primitives import SUMS as SUMS
from ._primitives import WINDOW_REDUCTIONS as WINDOW_REDUCTIONS
from ._running import numbers as numbers
from ._running import running as running
from ._steps import Constant as Constant
from ._steps import Operand as Operand
from ._steps import Parameter as Parameter
from ._steps import Program as Program
from ._steps import Step as Step
from ._steps import Value as Value
from ._trace import Apart as Apart
from ._trace import Known as Known
from ._trace import evaluate as evaluate
from ._trace import shortened as shortened
from ._trace import taken_apart as taken_apart
from ._trace import trace as trace
