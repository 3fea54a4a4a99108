"""What a function does, as a flat list of steps; nothing runs.

In: any callable of arrays, and the shapes of its data. Out: a `Program`, whose steps read and make
values. Calls are replaced by the steps of the called function, parameters have paths, loops and
branches hold their bodies. `Interpreter` takes an analysis through a program, loops and branches
included. `Known` computes arrays that depend on neither data nor parameters; `evaluate` runs all.
"""

from ._equations import bind as bind
from ._equations import reduced_axes as reduced_axes
from ._inlining import body_program as body_program
from ._interpreter import Interpreter as Interpreter
from ._interpreter import Meaning as Meaning
from ._opening import Leaf as Leaf
from ._opening import dotted as dotted
from ._rule import UNKNOWN as UNKNOWN
from ._rule import Options as Options
from ._rule import Rule as Rule
from ._rule import Rules as Rules
from ._running import Known as Known
from ._running import evaluate as evaluate
from ._steps import Body as Body
from ._steps import Constant as Constant
from ._steps import Operand as Operand
from ._steps import Parameter as Parameter
from ._steps import Program as Program
from ._steps import Step as Step
from ._steps import Value as Value
from ._trace import Apart as Apart
from ._trace import taken_apart as taken_apart
from ._trace import trace as trace
