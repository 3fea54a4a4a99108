"""How an operation is computed: one algorithm per file, the same functions in each.

An algorithm is a module. For a convolution it has

    output(x, kernel, window, groups)
    input_grad(kernel, g, window, groups)      if it is good at this side
    kernel_grad(x, g, window, groups)          likewise

with ``WIDENS``, which says whether it sums narrow numbers in wider ones by itself (or wants wider
ones as its arguments);
and for pooling ``max_pool``, ``min_pool`` and ``sum_pool``, each of ``(x, window)``; ``patches``,
likewise, for `unfold`; and ``local(x, kernel, window, groups)`` for `conv_local`. Arrays have one
batch axis, windows are exact (`geometry.fit`), and that is all an algorithm sees of a call.
"""
