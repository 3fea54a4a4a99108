"""Definitions of PyTorch's networks are no tests, and PyTorch need not be installed."""

collect_ignore = ["torch_models"]
