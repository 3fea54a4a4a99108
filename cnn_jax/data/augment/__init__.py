"""Augmentations: batches changed at random, by a key, on the device, inside of `jit`.

A factory makes an augmentation, which is a pure function `(key, batch) -> batch`. A batch is a dict
of arrays with one leading axis `n`:

    image               (n, h, w, c): uint8 stays so, rounded and clipped; floats keep their dtype
    mask                (n, h, w) or (n, h, w, k) integers: labels of pixels
    boxes               (n, m, 4) floats: (top, left, bottom, right) in pixels
    boxes_valid         (n, m) bools: which boxes count; added to a batch with boxes that has none
    keypoints           (n, m, 2) floats: (y, x) in pixels
    keypoints_visible   (n, m) bools: which are in the picture; added likewise
    label               (n,) integers, or (n, classes) floats, the share of each class

Only the image must be there, and whatever else a batch holds stays as it is. What belongs to a
picture moves with it. Coordinates are those of areas: a picture of 28 x 28 is the box (0, 0, 28,
28), and the center of its first pixel is (0.5, 0.5). A box is clipped to the picture, and no longer
valid if nothing is left of it, or less than the share `min_visible`. A keypoint that leaves the
picture keeps its place outside.

Each example draws for itself, from the key and its number in the batch: what happens to it does not
depend on the size of the batch. Only `mixup` and `cutmix` mix examples, and `choose` decides for
the whole batch.

    _flip.py           `flip`
    _crop.py           `pad_crop`, `center_crop`: parts of pictures, pixel for pixel
    _resize.py         `random_resized_crop`, `resize`
    _warp.py           `rotate`, `affine`, `perspective`
    _cutout.py         `cutout`
    _light.py          `color_jitter`, `normalize`
    _rand_augment.py   `rand_augment`
    _mixing.py         `mixup`, `cutmix`
    _chain.py          `chain`, `sometimes`, `choose`, `prepare`
    parts/             what they are made of: batches, homographies, colors, options

>>> import jax
>>> from cnn_jax import data
>>> from cnn_jax.data import augment
>>> train = augment.chain(augment.flip(), augment.pad_crop(2), augment.cutout(8))
>>> prepare = augment.prepare(train, then=augment.normalize(0.2860, 0.3530))
>>> batch = {"image": data.load("fashion_mnist_small", "test").images[:4]}
>>> jax.jit(prepare)(batch, jax.random.key(0))["image"].shape
(4, 28, 28, 1)
"""

from ._chain import chain as chain
from ._chain import choose as choose
from ._chain import prepare as prepare
from ._chain import sometimes as sometimes
from ._crop import center_crop as center_crop
from ._crop import pad_crop as pad_crop
from ._cutout import cutout as cutout
from ._flip import flip as flip
from ._light import color_jitter as color_jitter
from ._light import normalize as normalize
from ._mixing import cutmix as cutmix
from ._mixing import mixup as mixup
from ._rand_augment import OPERATIONS as OPERATIONS
from ._rand_augment import rand_augment as rand_augment
from ._resize import random_resized_crop as random_resized_crop
from ._resize import resize as resize
from ._warp import affine as affine
from ._warp import perspective as perspective
from ._warp import rotate as rotate
from .parts.batch import Augmentation as Augmentation
from .parts.batch import per_example as per_example
