"""The photographs: whose they are, and which are held out."""

from typing import NamedTuple


class Photograph(NamedTuple):
    """A photograph of scikit-image's package.

    Attributes:
        file: its name in the folder of scikit-image's pictures.
        shape: height, width, channels.
        split: ``"train"`` or ``"test"``.
        origin: who made it, and why it may be used, as scikit-image's documentation says.
    """

    file: str
    shape: tuple[int, int, int]
    split: str
    origin: str


# Held out are things of which there is no like among the others: a man, a cat, coins, a launch.
PHOTOGRAPHS = {
    "astronaut": Photograph(
        "astronaut.png", (512, 512, 3), "train", "NASA Great Images: public domain"
    ),
    "brick": Photograph("brick.png", (512, 512, 1), "train", "CC0Textures, Bricks25: CC0"),
    "clock": Photograph(
        "clock_motion.png", (300, 400, 1), "train", "Stefan van der Walt: public domain"
    ),
    "coffee": Photograph("coffee.png", (400, 600, 3), "train", "Rachel Michetti: CC0"),
    "grass": Photograph("grass.png", (512, 512, 1), "train", "linolafett, DeviantArt: CC0"),
    "gravel": Photograph("gravel.png", (512, 512, 1), "train", "CC0Textures, Gravel04: CC0"),
    "hubble": Photograph(
        "hubble_deep_field.jpg", (872, 1000, 3), "train", "NASA, HubbleSite: public domain"
    ),
    "retina": Photograph("retina.jpg", (1411, 1411, 3), "train", "Mikael Häggström: CC0"),
    "tissue": Photograph(
        "ihc.png",
        (512, 512, 3),
        "train",
        "Center for Microscopy and Molecular Imaging: no known copyright restrictions",
    ),
    "camera": Photograph("camera.png", (512, 512, 1), "test", "Lav Varshney: CC0"),
    "chelsea": Photograph("chelsea.png", (300, 451, 3), "test", "Stefan van der Walt: CC0"),
    "coins": Photograph(
        "coins.png", (303, 384, 1), "test", "Brooklyn Museum: no known copyright restrictions"
    ),
    "rocket": Photograph("rocket.jpg", (427, 640, 3), "test", "SpaceX Photos: public domain"),
}
