"""What the commands train on: examples that are made, sets of images, real pictures at hand."""
