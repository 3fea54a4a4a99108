"""The process that times PyTorch: a layer as a line of JSON in, its times as a line of JSON out.

Started by `pytorch.py` as a script of its own, with the name of JAX's platform; it imports nothing
of ours. The first line out says which PyTorch this is. Each line in has the shapes of the input,
the kernel if there is one, and the output's cotangent, channels last, with the window's options.
PyTorch's own layout and channels last are both tried, and the faster one counts.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG_POOL = {2: F.avg_pool2d, 3: F.avg_pool3d}


def channels_first(array):
    """(n, *spatial, c) -> (n, c, *spatial)."""
    return np.moveaxis(array, -1, 1)


def kernel_first(kernel):
    """(*size, c, o) -> (o, c, *size)."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def forward(case):
    """The layer as a function of its input and kernel, in PyTorch's layout."""
    rank = len(case["size"])
    if rank not in CONV:
        raise ValueError(f"PyTorch has layers of 1 to 3 spatial axes, not of {rank}")
    if case["operation"] != "conv":
        return pool(case, rank)
    if max(case["base_dilation"]) > 1:
        return spread_conv(case, rank)
    stride, dilation, groups = case["stride"], case["dilation"], case["groups"]
    padding = equal_ends(case["padding"])

    def conv(x, kernel):
        x = x if padding else F.pad(x, ends(case["padding"]))
        return CONV[rank](x, kernel, None, stride, padding or 0, dilation, groups)

    return conv


def spread_conv(case, rank):
    """A convolution with input dilation: PyTorch's transposed convolution with the kernel flipped.

    That computes every position at which window and input overlap; what the padding asks for is cut
    out of these, or zeros are added.
    """
    extents = [(k - 1) * d + 1 for k, d in zip(case["size"], case["dilation"])]
    more = [[low - e + 1, high - e + 1] for e, (low, high) in zip(extents, case["padding"])]
    common = [max(-max(pair), 0) for pair in more]  # what is cut off both ends is not computed
    rest = [[low + c, high + c] for (low, high), c in zip(more, common)]
    spatial, groups = range(2, 2 + rank), case["groups"]
    strides = tuple(slice(None, None, s) for s in case["stride"])

    def conv(x, kernel):
        o, c, *size = kernel.shape
        flipped = kernel.flip(*spatial).reshape(groups, o // groups, c, *size)
        flipped = flipped.transpose(1, 2).reshape(groups * c, o // groups, *size)
        options = {"groups": groups, "dilation": case["dilation"]}
        y = CONV_TRANSPOSE[rank](x, flipped, None, case["base_dilation"], common, **options)
        return F.pad(y, ends(rest))[(..., *strides)]

    return conv


def pool(case, rank):
    """A pool as a function of its input."""
    size, stride, pads, dilation = (case[n] for n in ("size", "stride", "padding", "dilation"))
    sign = -1 if case["operation"] == "min_pool" else 1
    padding = equal_ends(pads)
    if padding and any(2 * p > k for p, k in zip(padding, size)):
        padding = None  # more than PyTorch's pools take
    if case["operation"] in ("max_pool", "min_pool"):

        def extreme(x):
            x = x if padding else F.pad(x, ends(pads), value=-sign * float("inf"))
            return sign * MAX_POOL[rank](sign * x, size, stride, padding or 0, dilation)

        plain = lambda x: MAX_POOL[rank](x, size, stride, padding or 0, dilation)  # noqa: E731
        return plain if sign == 1 and padding else extreme
    if max(dilation) > 1:
        raise ValueError("PyTorch has no dilated average pool")
    total = case["operation"] == "sum_pool"

    def average(x):
        x = x if padding else F.pad(x, ends(pads))
        if rank == 1:  # which takes no divisor
            y = F.avg_pool1d(x, size, stride, padding or 0)
            return y * size[0] if total else y
        divisor = 1 if total else None
        return AVG_POOL[rank](x, size, stride, padding or 0, divisor_override=divisor)

    return average


def equal_ends(pads):
    """The padding of each axis, if it is the same at both ends of each and crops nothing."""
    same = all(low == high >= 0 for low, high in pads)
    return [low for low, _ in pads] if same else None


def ends(pads):
    """The padding as `F.pad` takes it: the last axis first."""
    return [n for pair in reversed(pads) for n in pair]


def runner(case, device, channels_last):
    """A function that computes the side once and returns it."""
    rng = np.random.default_rng(0)  # as `sides.inputs`
    arrays = [rng.standard_normal(shape, np.float32) for shape in case["shapes"]]
    x, *kernel, g = arrays
    rank, dtype = x.ndim - 2, getattr(torch, case["dtype"])
    layout = CHANNELS_LAST.get(rank) if channels_last else torch.contiguous_format

    def tensor(array):
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(device, dtype)
        return tensor.contiguous(memory_format=layout)

    x, g = tensor(channels_first(x)), tensor(channels_first(g))
    operands = [x, *(tensor(kernel_first(k)) for k in kernel)]
    f, side = forward(case), case["side"]
    if side == "output":
        return torch.no_grad()(lambda: f(*operands))
    by = operands[side == "kernel_grad"].requires_grad_()
    if not kernel:  # a pool: the time includes the forward pass, as for JAX
        return lambda: torch.autograd.grad(f(*operands), by, g)[0]
    y = f(*operands)
    return lambda: torch.autograd.grad(y, by, g, retain_graph=True)[0]


def seconds_of(run, device, calls=1):
    """The seconds per call over `calls` calls."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls


def calls_per_run(seconds, device):
    """How many calls to time at once: 2 ms of them on a GPU, as in `timing`, and 1 on a CPU."""
    return 1 if device == "cpu" else min(max(round(2e-3 / seconds), 1), 32)


def chosen(case, device):
    """The runner of the faster memory layout, and its result in our layout."""
    rank = len(case["size"])
    layouts = (False, True) if rank in CHANNELS_LAST else (False,)
    runners = [runner(case, device, channels_last) for channels_last in layouts]
    for run in runners:
        seconds_of(run, device)
    best = min(runners, key=lambda run: min(seconds_of(run, device) for _ in range(2)))
    result = best().detach().cpu()
    result = result.numpy() if result.dtype == torch.float64 else result.float().numpy()
    if case["side"] == "kernel_grad":
        result = np.moveaxis(result, (0, 1), (-1, -2))
    else:
        result = np.moveaxis(result, 1, -1)
    return best, result


def main():
    device = "cuda" if sys.argv[1] in ("gpu", "cuda") and torch.cuda.is_available() else "cpu"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(cores)
    print(json.dumps({"torch": torch.__version__, "threads": cores, "device": device}), flush=True)
    known, run, result = None, None, None
    for line in sys.stdin:
        case = json.loads(line)
        seconds, at_least, file = (case.pop(name) for name in ("seconds", "at_least", "result"))
        try:
            if case != known:  # else a further block of the same case: reuse the runner
                known, run, result = case, None, None
                run, result = chosen(case, device)
            np.save(file, result)
            calls = calls_per_run(seconds_of(run, device), device)
            times, end = [], time.perf_counter() + seconds
            while len(times) < at_least or time.perf_counter() < end:
                times.append(seconds_of(run, device, calls))
            answer = {"seconds": times}
        except Exception as error:
            known = None
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
