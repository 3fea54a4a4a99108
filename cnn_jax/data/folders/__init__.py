"""Folders of images as data sets: a folder for each class, and perhaps one for each split.

_layout.py     which files there are, and of which split and class each is
_folder.py     `ImageFolder`: the facts, and the records of one split
"""

from ._folder import ImageFolder as ImageFolder
