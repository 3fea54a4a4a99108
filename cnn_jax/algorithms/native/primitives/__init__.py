"""Primitives of JAX that are computed by kernels on CPUs, and by plain JAX elsewhere.

===============  ==============================================================================
`convolutions`   three bilinear primitives, each the transpose of the others
`pools`          pools, and the functions that are linear beside them
`primitive`      how a primitive is lowered
`plain_pools`    what the kernels of pools compute, in plain JAX
`batched`        convolutions under `jax.vmap`
`partitioned`    kernels in programs for several devices
===============  ==============================================================================
"""
