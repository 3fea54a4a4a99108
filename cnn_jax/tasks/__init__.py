"""What a network's output means: one file or folder per task.

Each has up to five pure functions: the targets of a batch, the loss, the decoding of outputs, a
metric as an accumulator, and a picture. None builds a network or reads a file. `training` takes a
task's loss and metrics, and knows nothing else of it.

    classification    logits: cross entropy, top-k, the confusion matrix, calibration
    restoration       images: noise, scaling, squared or absolute error, PSNR
    homography        two views of a plane: offsets of corners, 3 x 3 matrices, warping
    detection         boxes as points: heatmaps, the focal loss, peaks, COCO's average precision
"""

from . import classification as classification
from . import detection as detection
from . import homography as homography
from . import restoration as restoration
from ._accumulator import Accumulator as Accumulator
