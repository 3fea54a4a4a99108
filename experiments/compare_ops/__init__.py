"""Our convolutions and pools against JAX's built-ins and PyTorch's, on layers of known networks.

    python -m experiments.compare_ops --algorithms auto    2 CPU cores: 6 minutes with PyTorch
    python -m experiments.compare_ops                      every algorithm
    python -m experiments.compare_ops --quick              a third of the layers, briefly
    python -m experiments.compare_ops --layers mobilenet,"resnet-18 conv1" --algorithms auto,vmap
    python -m experiments.compare_ops --random 200 --seed 0    layers drawn at random: 8 minutes
    python -m experiments.compare_ops --steps              training steps of five networks
    python -m experiments.compare_ops --everything         the layers and the steps, by `auto`

On layers of your own, by every algorithm that computes them, or on those of any network:

    python -m experiments.compare_ops --conv "x=4,28,28,32 kernel=5,5,8,48 stride=2 groups=4"
    python -m experiments.compare_ops --pool "max x=4,56,56,64 window=3,3 stride=2 padding=1"
    python -m experiments.compare_ops --model resnet18 --input 4,224,224,3 --algorithms auto
    python -m experiments.compare_ops --model my_package.my_module:my_network --input 8,64,64,3

Every side of a layer (its output, its gradient by the input, its gradient by the kernel) is
computed by each of our algorithms, by the built-in (`lax.conv_general_dilated`,
`lax.reduce_window`, and the gradients that JAX derives for them), and by PyTorch if it is
installed. All run in turn, A B C A B C ..., PyTorch in a process of its own. The result is the
ratio of median times, since times alone say little on a shared machine; it ends with the geometric
mean and the worst of each kind of layer, against the built-in and against PyTorch, and the ten
worst. The rates of a layer are also compared with the best rates of this machine, measured in the
same run: that of a large matrix product, and the bandwidth of memory.

Writes into runs/compare_ops/<time>/: results.json (everything, after each case), ratios.png,
roofline.png, and compare_ops.html: one page with the plots and a table that a click sorts. The same
commands run on a GPU or a TPU.

2 CPU cores: 6 minutes with --algorithms auto. Draws ratios.png.
"""

from experiments.compare_ops._main import Config as Config
from experiments.compare_ops._main import main as main
