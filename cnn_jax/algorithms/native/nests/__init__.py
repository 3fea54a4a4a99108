"""The kernels, as loop nests. Each file says which loops are blocked, and why.

=========================  ====================================================================
`dense`                    the output of a convolution, and its gradient with respect to the
                           input; planned in `dense_plan`
`few_outputs`              the same, for few output channels
`dense_kernel_grad`        its gradient with respect to the kernel; planned in
                           `dense_kernel_grad_plan`
`depthwise`                the output and input gradient of depthwise and narrow groups
`depthwise_kernel_grad`    their gradient with respect to the kernel
`pools`                    the maximum, minimum or sum of each window
`pool_gradients`           their gradients
`peak`                     nothing but multiplications: the most that a kernel could reach
-------------------------  --------------------------------------------------------------------
`axes`                     the axes of a convolution, as the nests walk along them
`along`                    what the nests of narrow groups know of them
`narrow`                   narrow groups in a vector
`ways`                     what lies side by side in a block of sums
`blocks`                   the size of a block
`packing`                  copies that put what a block reads side by side
`pool_tiles`               how pools are cut into items
=========================  ====================================================================
"""
