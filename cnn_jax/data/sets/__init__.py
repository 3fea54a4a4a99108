"""The sets that are prepared from their original files: a file of facts and a line here for each.

    _set.py    what a set is: facts, original files, a function that reads them

>>> SETS["kmnist"].info.classes[:3]
('o', 'ki', 'su')
"""

from . import cifar10, cifar100, emnist_letters, fashion_mnist, kmnist, mnist, svhn_cropped
from ._set import Arrays as Arrays
from ._set import Debian as Debian
from ._set import Original as Original
from ._set import Set as Set

SETS = {
    module.SET.info.name: module.SET
    for module in (
        fashion_mnist,
        mnist,
        kmnist,
        emnist_letters,
        cifar10,
        cifar100,
        svhn_cropped,
    )
}
