"""MNIST-1D: 5,000 signals of 40 numbers, drawn like digits and made here; no file is read.

_facts.py        names, counts, license, whom to cite
_templates.py    the ten curves, one for each digit
_stages.py       what a curve goes through, one function for each stage
_made.py         the published draws, and both splits
"""

from ._facts import INFO as INFO
from ._facts import SHUFFLED_INFO as SHUFFLED_INFO
from ._made import made as made
from ._made import shuffled as shuffled
