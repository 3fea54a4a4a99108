"""Networks: one architecture per file, a table of variants and a forward pass."""

from .lenet import LeNet as LeNet
from .lenet import lenet as lenet
