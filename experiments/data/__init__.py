"""What the commands train on: examples that are made, sets of images, real pictures at hand.

making.py             scenes, videos and people, made on the device
photographs.py        scikit-image's photographs, and patches of them
labeled.py            images with one class each, for `train`
augmentations.py      their augmentations by name
real_sets.py          sets that TFDS has prepared, for `detect`, `segment` and `instances`
debian_packages.py    real pictures in Debian's packages, where they are installed:
                      real_faces.py for `detect`, real_pairs.py for `stereo`, graffiti.py for
                      `camera_pose`, real_videos.py for `track`
video_files.py        the frames of a user's own video
"""
