"""Compare training steps: a network goes in, a `Step` with every time comes out.

networks.py          five networks as functions of arrays and of the operations they use
training.py          compile a step by each contender, check it, and time all of them in turn
pytorch_worker.py    the process that makes PyTorch's steps of the same networks
"""
