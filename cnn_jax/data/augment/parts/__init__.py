"""What augmentations are made of.

batch.py      what a batch may hold; a function of one example made into an augmentation
options.py    options as ranges
geometry.py   homographies
moving.py     everything that belongs to a picture, moved by one homography
color.py      what changes the colors of one picture
"""
