"""What a network's output means: one file or folder per task.

Each has up to five pure functions: the targets of a batch, the loss, the decoding of outputs, a
metric as an accumulator, and a picture. None builds a network or reads a file. `training` takes a
task's loss and metrics, and knows nothing else of it.

    classification    logits: cross entropy, top-k, the confusion matrix, calibration
    detection         boxes as points: heatmaps, the focal loss, peaks, COCO's average precision
    segmentation      a class for each pixel: cross entropy, Dice, intersection over union
    instances         masks of objects, by votes for their centers; mask average precision
    tracking          crops around a box, the response's loss, a tracker, OTB's success
    pose              joints of people as heatmaps: Gaussians, peaks, correct keypoints
    homography        two views of a plane: offsets of corners, 3 x 3 matrices, warping
    stereo            disparities: smooth L1, end-point error, block matching, depth and points
    restoration       images: noise, scaling, squared or absolute error, PSNR
    captioning        words: cross entropy, greedy and beam search, exact match, BLEU
    synthesis         new images: adversarial losses, the evidence lower bound, the Frechet distance
"""

from . import captioning as captioning
from . import classification as classification
from . import detection as detection
from . import homography as homography
from . import instances as instances
from . import pose as pose
from . import restoration as restoration
from . import segmentation as segmentation
from . import stereo as stereo
from . import synthesis as synthesis
from . import tracking as tracking
from ._accumulator import Accumulator as Accumulator
