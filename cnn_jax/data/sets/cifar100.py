"""CIFAR-100: 32x32 color photographs of 100 kinds of things, in 20 groups of 5.

Size and SHA-256 are those in TFDS's ``url_checksums/cifar100.txt``. The binary version is used,
which holds no pickles. Each image has two labels: the kind (`FINE`) as ``label``, and its group
(`COARSE`) as ``coarse_label``.
"""

from .._info import Info
from ..formats import cifar
from ._set import Original, Set

# fmt: off
FINE = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
    "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake",
    "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle",
    "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)

COARSE = (
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables",
    "household_electrical_devices", "household_furniture", "insects", "large_carnivores",
    "large_man-made_outdoor_things", "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates", "people",
    "reptiles", "small_mammals", "trees", "vehicles_1", "vehicles_2",
)
# fmt: on

INFO = Info(
    name="cifar100",
    title="CIFAR-100",
    description="32x32 color photographs of 100 kinds of things, in 20 groups of 5.",
    counts={"train": 50_000, "test": 10_000},
    shape=(32, 32, 3),
    labels={"label": FINE, "coarse_label": COARSE},
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    citation=(
        "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009), technical "
        "report, University of Toronto."
    ),
)

ARCHIVE = Original(
    "cifar-100-binary.tar.gz",
    168513733,
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
)

MEMBERS = {"train": ["cifar-100-binary/train.bin"], "test": ["cifar-100-binary/test.bin"]}

SET = Set(
    INFO,
    url="https://www.cs.toronto.edu/~kriz/",
    originals=(ARCHIVE,),
    read=cifar.reader(ARCHIVE.name, MEMBERS, ["coarse_label", "label"]),
)
