"""The lecture, run: every claim shown by our own operations, as one page with pictures and numbers.

    python -m experiments.lecture                             all sections, 2 CPU cores
    python -m experiments.lecture --section pooling           a page of this one
    python -m experiments.lecture --fresh                     compute again what is kept

Writes runs/lecture/index.html, one file that needs no other and no network, and keeps each section
in runs/lecture/sections/ until its code, the library, a version or the device changes. Every number
on the page was computed by the lines of code that it shows, with these versions.

    _section.py    what a section is, and the code that it shows
    _kept.py       sections that need not be computed again
    _main.py       the command
    _drawing.py    what several sections draw alike
    _training.py   what several sections train alike
    sections/      one file each, in the lecture's order in sections/__init__.py

The same sections are in experiments/notebooks/lecture.ipynb.

2 CPU cores: 4 minutes. Draws index.html, a page of pictures.
"""

from experiments.lecture._section import shown as shown
