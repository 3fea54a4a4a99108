"""One row for each layer of a network, with its parameters and costs: `summarize`.

In: a callable and the shapes of its data. Out: a `Summary` with a `Row` for each layer, shown as
text, HTML, JSON or CSV. `Layers` finds the rows; names, windows, costs and memory have a file each.
"""

from ._names import Groups as Groups
from ._names import shortened as shortened
from ._records import Output as Output
from ._records import Row as Row
from ._records import Seen as Seen
from ._result import Summary as Summary
from ._rows import Draft as Draft
from ._rows import Layers as Layers
from ._summary import names_of as names_of
from ._summary import summarize as summarize
