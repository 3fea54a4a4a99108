"""Functions of arrays and windows that several algorithms share.

==============  =====================================================================
`taps`          the padded input, and what each tap of a window sees of it
`blocks`        loops over blocks of positions, each small enough for the cache
`gaps`          inputs with zeros between their elements, without touching the zeros
`extremes`      maxima and minima that keep a NaN, and the derivative of their pools
`bilinear`      bilinear functions whose gradients are written out
`backwards`     the gradient with respect to the input, as a convolution
`unfused`       results that XLA stores, instead of computing them for every reader
`dtypes`        the dtype that sums run in
`mesh_axes`     the mesh axes that an array varies over
`partitioning`  workarounds for XLA where an image is split over devices
==============  =====================================================================
"""
