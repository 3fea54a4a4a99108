"""Measure times: a compiled program goes in, seconds come out.

timing.py            compile; run programs in turn; the ratio of their times
rulers.py            the fastest rates at which this machine computes and copies
pytorch.py           PyTorch in a process of its own, which takes requests through a pipe
pytorch_worker.py    that process
"""
