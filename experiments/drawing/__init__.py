"""The pictures that the commands draw of a run and of held-out examples.

plots.py             of any run: curves, confusions, kernels, signals; how a picture is saved
detected.py          `detect`: boxes
segmented.py         `segment`: classes of pixels
outlined.py          `instances`: masks
tracked.py           `track`; films.py: animated ones
motions.py           `video`
quadrilaterals.py    `camera_pose`
disparities.py       `stereo`; point_cloud.py: in space
posed.py             `body_pose`
captioned.py         `caption`
synthesized.py       `synthesize`
"""
