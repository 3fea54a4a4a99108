"""How time is taken: a compiled program goes in, seconds come out.

timing.py            compile; run rivals in turn; the ratio of their times
rulers.py            the fastest that this machine can compute and copy
pytorch.py           PyTorch in a process of its own, asked through a pipe
pytorch_worker.py    that process
"""
