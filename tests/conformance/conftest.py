"""PyTorch need not be installed; where it is, one thread for each of pytest's processes."""

import importlib.util

collect_ignore = ["torch_models"]  # definitions of networks, and no tests

if importlib.util.find_spec("torch"):
    import torch

    # Two wait for each other whenever the cores are busy: 128 s instead of 6 for EfficientNet-B0.
    torch.set_num_threads(1)
