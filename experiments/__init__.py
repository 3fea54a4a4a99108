"""Experiments, each run as ``python -m experiments.NAME`` from the project's root.

``python -m experiments`` lists them.
"""
