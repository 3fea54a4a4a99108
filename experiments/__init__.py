"""Experiments, each run as ``python -m experiments.NAME`` from the project's root.

``python -m experiments`` lists them. What several of them share is in four packages:

running     options, folders, optimizers, recipes; from a run's folder to its result
data        what is trained on: examples that are made, sets of images, real pictures
baselines   the simple and classical methods that a network must beat
drawing     pictures of held-out examples
"""
