"""Figures: people made of limbs on photographs, with the exact places of their joints.

`figures` makes a pure function of keys, which draws as many people as there are keys, on the device
and inside of `jit`. No two keys give the same picture, so a network never sees one twice.

    _figures.py    `figures`: what is drawn at random, and how it is put together
    _skeleton.py   joints, the lengths of limbs, and the angles that they can take
    _parts.py      what is drawn between the joints: its ends, widths, colors and depths
    _drawing.py    capsules, with smooth edges, laid over each other

>>> import jax
>>> from cnn_jax import data
>>> make = jax.jit(data.figures.figures(size=64))
>>> truth = make(jax.random.split(jax.random.key(0), 4))
>>> truth["image"].shape, truth["keypoints"].shape, len(JOINTS), len(LIMBS)
((4, 64, 64, 3), (4, 14, 2), 14, 13)
"""

from ._figures import figures as figures
from ._skeleton import JOINTS as JOINTS
from ._skeleton import LENGTHS as LENGTHS
from ._skeleton import LIMBS as LIMBS
