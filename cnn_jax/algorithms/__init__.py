"""How an operation is computed: one algorithm per file, the same functions in each.

==============  =====================================================================
``xla``         XLA's own convolution and window reductions: the built-ins
``vmap``        the definition: one window, mapped over positions, channels, images
``toeplitz``    the matrix that a convolution is
``im2col``      patches, block by block, and one matrix product
``shifted``     a sum over taps, of shifted products; depthwise of multiplications
``winograd``    several outputs at once from fewer multiplications
``fft``         products of spectra, for large windows
``phases``      strides undone phase by phase: transposed convolutions
``planes``      one and three spatial axes as convolutions of two
``separable``   pooling, one axis after the other
``auto``        another of these for every side, as `_table` and `_choice` say
==============  =====================================================================

An algorithm is a module. For a convolution it has

    output(x, kernel, window, groups)
    input_grad(kernel, g, window, groups)      if it is good at this side
    kernel_grad(x, g, window, groups)          likewise

with ``WIDENS``, which says whether it sums narrow numbers in wider ones by itself (or wants wider
ones as its arguments); for pooling ``max_pool``, ``min_pool`` and ``sum_pool``, each of ``(x,
window)``; ``patches``, likewise, for `unfold`; and ``local(x, kernel, window, groups)`` for
`conv_local`. Arrays have one batch axis, windows are exact (`geometry.fit`), and that is all an
algorithm sees of a call.

What it does not compute it says in ``unsupported(problem)``, which gives a reason or None, and what
memory it expects to take in ``workspace(problem)``, in bytes; `problem` is a `Problem`, the shapes
of a call.
"""
