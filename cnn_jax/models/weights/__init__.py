"""Weights in files: safetensors and NumPy's .npz, in our names, torchvision's or timm's."""

from ._load import load_weights as load_weights
from ._report import Report as Report
from ._save import save_weights as save_weights
