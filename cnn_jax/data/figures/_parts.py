"""What is drawn between the joints: where each part begins and ends, how wide, colored and deep.

Both ends of a part are sums of joints, so that all of them are one matrix product.
"""

from typing import NamedTuple

import numpy as np

from ._skeleton import JOINTS

COLORS = ("skin", "hair", "face", "eyes", "shirt", "mark", "sleeves", "trousers", "shins", "shoes")
Sum = dict[str, float]  # weights of joints
PELVIS = {"right hip": 0.5, "left hip": 0.5}


class Part(NamedTuple):
    """A capsule: all that is near to a line, its half width changing from end to end."""

    start: Sum
    end: Sum
    widths: tuple[float, float]  # half of them, as shares of the figure's height
    color: str
    depth: float  # the highest is in front
    of: tuple[str, ...]  # the joints that it does not hide: they are its own


def _limbs(side: str) -> list[Part]:
    other = {"right": "left", "left": "right"}[side]
    hip, knee, ankle = (f"{side} {joint}" for joint in ("hip", "knee", "ankle"))
    shoulder, elbow, wrist = (f"{side} {joint}" for joint in ("shoulder", "elbow", "wrist"))
    toes = {ankle: 1.1, knee: -0.1, hip: 0.25, f"{other} hip": -0.25}
    fingers = {wrist: 1.25, elbow: -0.25}
    return [
        Part({ankle: 1}, toes, (0.032, 0.026), "shoes", 1.0, (ankle,)),
        Part({hip: 1}, {knee: 1}, (0.06, 0.046), "trousers", 1.1, (hip, knee)),
        Part({knee: 1}, {ankle: 1}, (0.044, 0.03), "shins", 1.2, (knee, ankle)),
        Part({shoulder: 1}, {elbow: 1}, (0.042, 0.036), "shirt", 4.0, (shoulder, elbow)),
        Part({elbow: 1}, {wrist: 1}, (0.034, 0.027), "sleeves", 4.1, (elbow, wrist)),
        Part({wrist: 1}, fingers, (0.028, 0.028), "skin", 4.2, (wrist,)),
    ]


def _head(part: float, aside: float = 0.0) -> Sum:
    """A place between neck (0) and head top (1), shifted aside by a share of the hips' width."""
    return {"neck": 1 - part, "head top": part, "right hip": aside, "left hip": -aside}


def _trunk() -> list[Part]:
    rights, lefts = {"right shoulder": 1.0}, {"left shoulder": 1.0}
    chest = {"neck": 0.8, "right hip": 0.1, "left hip": 0.1}
    of = ("right shoulder", "left shoulder", "right hip", "left hip", "neck")
    shirt = (
        (rights, lefts, (0.04, 0.04)),
        (rights, {"right hip": 1.0}, (0.04, 0.05)),
        (lefts, {"left hip": 1.0}, (0.04, 0.05)),
        (chest, PELVIS, (0.085, 0.075)),
    )
    belly = {"neck": 0.1, "right hip": 0.45, "left hip": 0.45}
    return [
        *(Part(start, end, widths, "shirt", 2.0, of) for start, end, widths in shirt),
        Part(chest, belly, (0.018, 0.018), "mark", 2.2, of),
        Part({"neck": 1}, _head(0.4), (0.032, 0.032), "skin", 2.4, ("neck",)),
        Part(_head(0.58), _head(0.6), (0.066, 0.068), "hair", 3.0, ("head top",)),
        Part(_head(0.45), _head(0.5), (0.05, 0.054), "face", 3.1, ()),
        Part(_head(0.55, 0.17), _head(0.55, 0.17), (0.014, 0.014), "eyes", 3.2, ()),
        Part(_head(0.55, -0.17), _head(0.55, -0.17), (0.014, 0.014), "eyes", 3.2, ()),
    ]


RIGHT, LEFT, TRUNK = _limbs("right"), _limbs("left"), _trunk()
PARTS = (*RIGHT, *LEFT, *TRUNK)
ARM = 3  # the parts of a limb from here on are those of the arm


def _weights(total: Sum) -> list[float]:
    return [total.get(joint, 0.0) for joint in JOINTS]


ENDS = np.array([[_weights(part.start), _weights(part.end)] for part in PARTS], np.float32)
WIDTHS = np.array([part.widths for part in PARTS], np.float32)
COLOR = np.array([COLORS.index(part.color) for part in PARTS])
HEAD = np.array([part.color in ("hair", "face", "eyes") for part in PARTS])
DEPTHS = np.array([part.depth for part in PARTS], np.float32)
OWN = np.array([[joint in part.of for joint in JOINTS] for part in PARTS])
# Which of four are behind by chance: the right leg, the left leg, the right arm, the left arm.
LIMB = np.zeros((len(PARTS), 4), np.float32)
for _side, _first in enumerate((0, len(RIGHT))):
    LIMB[_first : _first + ARM, _side] = 1
    LIMB[_first + ARM : _first + len(RIGHT), 2 + _side] = 1
