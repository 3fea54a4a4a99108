"""The simple and classical methods that a task's network must beat, on the same held-out data.

nearest_mean.py      `train`, `lenet`, `mnist1d`: the class with the nearest mean image
sliding.py           `detect`: a LeNet in a window that slides over an image pyramid
regions.py           `segment`, `instances`: regions of another color, connected pixels
correlation.py       `track`: normalized cross-correlation
keypoints.py         `camera_pose`: ORB and RANSAC
block_matching.py    `stereo`
mean_pose.py         `body_pose`
denoisers.py         `denoise`: non-local means, wavelets
"""
