"""The formats that sets come in, each read strictly: every doubt is a `DamagedFileError`.

idx.py         IDX, of MNIST and its relatives
cifar.py       the binary files of CIFAR
mat.py         MATLAB's files, of SVHN
archives.py    files inside zip and tar archives, read into memory and never unpacked
"""
