"""Calls of a kernel without XLA: a call frame made here, arrays that end or begin at a guard page.

A read or write of one byte outside of an array ends the process with a segmentation fault.
"""

import ctypes
import mmap

import numpy as np

from cnn_jax.algorithms.native import compiler

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Guarded:
    """An array between two pages that nobody may touch: it ends at the second or begins after the
    first."""

    def __init__(self, shape, dtype, at_end=True):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        pages = max(1, -(-size // PAGE))
        self._memory = mmap.mmap(-1, (pages + 2) * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for place in (start, start + (pages + 1) * PAGE):
            assert _libc.mprotect(place, PAGE, mmap.PROT_READ * 0) == 0
        offset = PAGE + (pages * PAGE - size if at_end else 0)
        self.address = start + offset
        memory = np.frombuffer(self._memory, np.uint8, size, offset)
        self.array = memory.view(dtype).reshape(shape)


def call(kernel, plan, arguments, result_shape, dtype, at_end=True):
    """As `calls`, of a kernel with one result, which is returned."""
    return calls(kernel, plan, arguments, [(result_shape, dtype)], at_end)[0]


def calls(kernel, plan, arguments, results, at_end=True):
    """Compute by one thread: plan.encoded() is told that there are no helpers.

    Args:
        kernel: the kernel.
        plan: of the call.
        arguments: arrays.
        results: (shape, dtype) of each.
        at_end: whether arrays end at a guard page; otherwise they begin at one.

    Returns:
        The results; what was outside of them is unreachable.
    """
    target = address(kernel)
    given = []
    for argument in arguments:
        place = Guarded(argument.shape, argument.dtype, at_end)
        place.array[...] = argument
        given.append(place)
    made = [Guarded(shape, dtype, at_end) for shape, dtype in results]
    scratch = Guarded((plan.scratch,), np.uint8, at_end)
    scratch.array[...] = 0xFF  # NaN, if it is read before it is written
    for result in made:
        result.array.view(np.uint8)[...] = 0xFF
    numbers = plan.encoded()
    numbers[0] = 0
    frame = _frame(given, [*made, scratch], numbers)
    error = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(target)(frame.address)
    assert not error
    return [np.array(result.array) for result in made]


def address(kernel):
    """Where the handler of a kernel is."""
    if kernel not in _addresses:
        code = compiler.compiled(kernel, compiler.host())
        _addresses[kernel] = compiler.load(code, kernel.target)
    return _addresses[kernel]


_addresses = {}


class _frame:
    """An XLA_FFI_CallFrame, as `xla/ffi/api/c_api.h` lays it out."""

    def __init__(self, arguments, results, numbers):
        self._kept = [arguments, results, numbers]
        array = self._words(0, len(numbers), numbers.ctypes.data)
        attributes = self._words(array)
        words = [0] * 22
        words[2] = self._words(*[0] * 32)  # the functions of XLA, none of which is called
        words[9] = self._words(*map(self._buffer, arguments))  # at byte 72
        words[7] = len(arguments)
        words[14] = self._words(*map(self._buffer, results))  # at byte 112
        words[20] = attributes  # at byte 160
        self.address = self._words(*words)

    def _buffer(self, guarded):
        return self._words(0, 0, 0, guarded.address, 0, 0)

    def _words(self, *words):
        memory = (ctypes.c_uint64 * len(words))(*words)
        self._kept.append(memory)
        return ctypes.addressof(memory)
