"""The process that times PyTorch's training steps: a network's name in, its times out.

Started by `clocks/pytorch.py` as a script of its own; it imports nothing of ours. Each line in, of
JSON, has the network's name, the file with its parameters, and the shape of its images. The
networks are those of `networks.py`, with the same parameters in the same order, written as one
writes them in PyTorch. Its own layout and channels last are both tried, and the faster one counts.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

CLASSES = 10


def lenet(new, x):
    for padding in (2, 0):
        x = F.max_pool2d(F.relu(F.conv2d(x, new(), new(), padding=padding)), 2)
    x = x.permute(0, 2, 3, 1).flatten(1)
    for _ in range(2):
        x = F.relu(dense(new, x))
    return dense(new, x)


def vgg11(new, x):
    for convolutions in (1, 1, 2, 2, 2):
        for _ in range(convolutions):
            x = F.relu(F.conv2d(x, new(), new(), padding=1))
        x = F.max_pool2d(x, 2)
    return dense(new, x.mean((2, 3)))


def resnet18(new, x):
    x = F.relu(conv_norm(new, x, 3))
    for block in range(8):
        stride = 2 if block in (2, 4, 6) else 1
        y = F.relu(conv_norm(new, x, 3, stride))
        y = conv_norm(new, y, 3)
        if stride > 1:
            x = conv_norm(new, x, 1, stride)
        x = F.relu(x + y)
    return dense(new, x.mean((2, 3)))


# Sandler et al. 2018, Table 2: whether it expands, blocks, stride of the first.
MOBILENET_V2 = ((0, 1, 1), (1, 2, 2), (1, 3, 2), (1, 4, 2), (1, 3, 1), (1, 3, 2), (1, 1, 1))


def mobilenet_v2(new, x):
    x = F.relu6(conv_norm(new, x, 3, 2))
    for expands, blocks, first in MOBILENET_V2:
        for block in range(blocks):
            y = F.relu6(conv_norm(new, x, 1)) if expands else x
            y = F.relu6(conv_norm(new, y, 3, 1 if block else first, groups=y.shape[1]))
            y = conv_norm(new, y, 1)
            x = x + y if x.shape == y.shape else y
    x = F.relu6(conv_norm(new, x, 1))
    return dense(new, x.mean((2, 3)))


def convnext_t(new, x):
    for stage, blocks in enumerate((3, 3, 9, 3)):
        if stage == 0:
            x = channels_norm(new, F.conv2d(x, new(), new(), 4))
        else:
            x = channels_norm(new, x)
            x = F.conv2d(x, new(), new(), 2)
        for _ in range(blocks):
            y = F.conv2d(x, new(), new(), padding=3, groups=x.shape[1])
            y = last_norm(new, y.permute(0, 2, 3, 1))
            y = F.linear(y, new()[:, :, 0, 0], new())
            y = F.linear(F.gelu(y, approximate="tanh"), new()[:, :, 0, 0], new())
            x = x + ((1e-6 + new()) * y).permute(0, 3, 1, 2)
    return dense(new, last_norm(new, x.mean((2, 3))))


NETWORKS = {
    "LeNet-5": lenet,
    "ResNet-18": resnet18,
    "VGG-11": vgg11,
    "MobileNetV2": mobilenet_v2,
    "ConvNeXt-T": convnext_t,
}


def conv_norm(new, x, size, stride=1, groups=1):
    """A convolution and a batch norm, whose scale is stored minus 1."""
    x = F.conv2d(x, new(), None, stride, size // 2, 1, groups)
    return F.batch_norm(x, None, None, 1 + new(), new(), training=True, eps=1e-5)


def channels_norm(new, x):
    """A layer norm over the channels of (n, c, h, w)."""
    return last_norm(new, x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def last_norm(new, x):
    """A layer norm over the last axis, whose scale is stored minus 1."""
    return F.layer_norm(x, x.shape[-1:], 1 + new(), new(), 1e-5)


def dense(new, x):
    return x @ new() + new()


class Trainer:
    """A network in training, in one of PyTorch's layouts."""

    def __init__(self, case, device, layout):
        arrays = np.load(case["parameters"])
        self.shapes = [arrays[name].shape for name in arrays.files]
        self.layout, self.network, self.rate = layout, NETWORKS[case["network"]], case["rate"]
        self.params = [self.parameter(arrays[name]).to(device) for name in arrays.files]
        for param in self.params:
            param.requires_grad_()
        rng = np.random.default_rng(0)  # as `training.compare`
        x = torch.from_numpy(rng.standard_normal(case["x"], np.float32)).permute(0, 3, 1, 2)
        self.x = x.contiguous(memory_format=layout).to(device)
        self.labels = (torch.arange(len(x)) % CLASSES).to(device)

    def parameter(self, array):
        """(h, w, c, o) -> (o, c, h, w); (1, 1, 1, c) -> (c,); matrices stay as they are."""
        tensor = torch.from_numpy(array)
        if is_vector(array.shape):
            return tensor.flatten().clone()
        if array.ndim == 4:
            tensor = tensor.permute(3, 2, 0, 1).contiguous(memory_format=self.layout)
        return tensor.clone(memory_format=torch.preserve_format)

    def arrays(self):
        """The parameters in our layout."""
        found = []
        for shape, param in zip(self.shapes, self.params):
            tensor = param.detach().cpu()
            tensor = tensor.reshape(shape) if is_vector(shape) else tensor
            rotated = len(shape) == 4 and not is_vector(shape)
            found.append((tensor.permute(2, 3, 1, 0) if rotated else tensor).numpy())
        return found

    def step(self):
        remaining = iter(self.params)
        loss = F.cross_entropy(self.network(lambda: next(remaining), self.x), self.labels)
        gradients = torch.autograd.grad(loss, self.params)
        with torch.no_grad():
            torch._foreach_add_(self.params, gradients, alpha=-self.rate)


def is_vector(shape):
    """Whether our parameter is a bias, a scale or an offset, (1, 1, 1, c)."""
    return len(shape) == 4 and set(shape[:3]) == {1}


def seconds_of(trainer, device):
    start = time.perf_counter()
    trainer.step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def chosen(case, device):
    """The faster trainer, warm; the parameters after one step are written to a file."""
    trainers = [Trainer(case, device, n) for n in (torch.contiguous_format, torch.channels_last)]
    for trainer in trainers:
        seconds_of(trainer, device)
    np.savez(case["result"], *trainers[0].arrays())
    return min(trainers, key=lambda t: min(seconds_of(t, device) for _ in range(2)))


def main():
    device = "cuda" if sys.argv[1] in ("gpu", "cuda") and torch.cuda.is_available() else "cpu"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(cores)
    print(json.dumps({"torch": torch.__version__, "threads": cores, "device": device}), flush=True)
    known, trainer = None, None
    for line in sys.stdin:
        case = json.loads(line)
        seconds, at_least = case.pop("seconds"), case.pop("at_least")
        try:
            if case != known:  # else a further block of the same network: go on
                known, trainer = case, None
                trainer = chosen(case, device)
            times, end = [], time.perf_counter() + seconds
            while len(times) < at_least or time.perf_counter() < end:
                times.append(seconds_of(trainer, device))
            answer = {"seconds": times}
        except Exception as error:
            known = None
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
