"""Scenes: garments of Fashion-MNIST laid over backgrounds, with the exact truth about each.

`scenes` makes a pure function of keys, which composes as many scenes as there are keys, on the
device and inside of `jit`. No two keys give the same scene, so a network never sees one twice.

    _videos.py       `videos`: garments that move
    _paths.py        where they are in each frame
    _scenes.py       `scenes`: what is drawn at random, and how it is put together
    _garments.py     one garment: its silhouette, and how it lies in a scene; boxes around masks
    _backgrounds.py  crops of photographs, as they are or altered, or smooth noise
    _shapes.py       ellipses, rectangles and lattices that are no objects
    _sentences.py    `Language`: sentences that say what is in a scene

>>> import jax
>>> from cnn_jax import data
>>> train = data.load("fashion_mnist_small", "train")
>>> make = jax.jit(data.scenes.scenes(train.images, train.labels, size=64, objects=(1, 3)))
>>> truth = make(jax.random.split(jax.random.key(0), 4))
>>> truth["image"].shape, truth["boxes"].shape, truth["masks"].shape
((4, 64, 64, 3), (4, 3, 4), (4, 3, 64, 64))
"""

from ._backgrounds import Background as Background
from ._backgrounds import altered as altered
from ._backgrounds import background as background
from ._backgrounds import crops as crops
from ._backgrounds import noise as noise
from ._garments import boxes_of as boxes_of
from ._garments import silhouette as silhouette
from ._scenes import scenes as scenes
from ._sentences import COARSE as COARSE
from ._sentences import END as END
from ._sentences import FINE as FINE
from ._sentences import Language as Language
from ._videos import videos as videos
