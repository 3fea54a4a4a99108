"""From loop nests to functions that XLA calls, by LLVM (llvmlite).

============  =================================================================================
`language`    what the nests are written in: loops, arrays, vectors, sums in registers
`lanes`       comparisons of vectors, and choices by their outcome
`elements`    how elements are stored, and what they are computed in
`machine`     the processor: the width and the number of its vector registers
`plan`        the numbers that a call gives to its kernel
`compiler`    from nests to machine code
`handler`     the function that XLA calls: work shared over XLA's threads
`stored`      compiled kernels on disk, for the next process
============  =================================================================================
"""
