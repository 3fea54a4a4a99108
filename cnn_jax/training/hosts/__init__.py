"""Several processes that train one network, on one host or many.

Each runs the same program on its own devices, and all must do the same things in the same order:
a computation over all devices waits for all processes. What may differ between them, such as a
clock, a signal or a file, is agreed upon.

_connect.py     `connected`: join the other processes; if one ends, all do
_watcher.py     a process beside each one, which sees when another ends
_together.py    what all know of each other: whole arrays, a number of the first, any signal

The same program on one host after the other, each with its own number::

    python -m experiments.lenet --coordinator 10.0.0.1:1234 --processes 2 --process 0
    python -m experiments.lenet --coordinator 10.0.0.1:1234 --processes 2 --process 1
"""

from ._connect import RESTART as RESTART
from ._connect import connected as connected
from ._together import fetch as fetch
from ._together import from_first as from_first
from ._together import largest as largest
from ._together import same_on_all as same_on_all
