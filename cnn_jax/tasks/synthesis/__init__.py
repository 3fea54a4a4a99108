"""Synthesis: new images that look like those of a set.

Two ways to train for it. An adversarial network has losses for a generator and a discriminator; the
logits of real and of made images come in, and a step of one's own lowers both. A variational
autoencoder lowers a bound of the likelihood; `loss` is a loss as `training` takes it.

Made images have no truth beside them, so a set of them is measured against a set of real ones:
`moments` collects mean and covariance of both sets' features, batch by batch, and
`frechet_distance` compares them. Features are what a classifier of such images computes before its
logits, so distances in the features of different classifiers cannot be compared.

    _losses.py       `discriminator_loss`, `generator_loss`, `loss`, `divergence`
    _distance.py     `moments`, `frechet_distance`
    _walking.py      `slerp`

>>> import jax.numpy as jnp
>>> total = moments(2)
>>> real = total.result(total.add(total.start(), jnp.array([[0.0, 0], [2, 0], [0, 2], [2, 2]]), {}))
>>> made = Moments(real.number, real.mean + [3, 4], real.covariance)
>>> round(frechet_distance(made, real), 6)
25.0
"""

from ._distance import Moments as Moments
from ._distance import frechet_distance as frechet_distance
from ._distance import moments as moments
from ._losses import discriminator_loss as discriminator_loss
from ._losses import divergence as divergence
from ._losses import generator_loss as generator_loss
from ._losses import loss as loss
from ._walking import slerp as slerp
