"""Calls of a kernel without XLA: a call frame made here, arrays that end or begin at a guard page.

A read or write of one byte outside of an array ends the process with a segmentation fault.
"""

import ctypes
import mmap
from functools import partial

import numpy as np

from cnn_jax.algorithms.native.llvm import compiler

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


def calls(kernel, plan, arguments, results, at_end=True, schedule=None):
    """Compute by one thread, or by those that `schedule` starts.

    Args:
        kernel: the kernel.
        plan: of the call.
        arguments: arrays.
        results: (shape, dtype) of each.
        at_end: whether arrays end at a guard page; otherwise they begin at one.
        schedule: what stands for XLA's thread pool: it is given functions to call, some time. If it
            returns False, the kernel is told that there is no pool.

    Returns:
        The results; what was outside of them is unreachable.
    """
    run, made = prepared(kernel, plan, arguments, results, at_end, schedule)
    assert not run()
    return [np.array(result.array) for result in made]


def prepared(kernel, plan, arguments, results, at_end=True, schedule=None):
    """A function that makes the call, as often as it is called, and the `Guarded` results."""
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
    numbers[0] = plan.threads - 1 if schedule else 0
    frame = _frame(given, [*made, scratch], numbers, schedule)
    function = _FUNCTION(target)
    return lambda: function(frame.address), made


def address(kernel):
    """Where the handler of a kernel is."""
    if kernel not in _addresses:
        code = compiler.compiled(kernel, compiler.host())
        _addresses[kernel] = compiler.load(code, kernel.target)
    return _addresses[kernel]


_addresses = {}


_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
_TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def _schedule(schedule, request):
    """XLA_FFI_ThreadPool_Schedule: the request holds a task and its data."""
    task, data = (ctypes.c_void_p * 5).from_address(request)[3:]
    accepted = schedule(partial(_TASK(task), data))
    return None if accepted is not False else 1  # an error, to be destroyed


class _frame:
    """An XLA_FFI_CallFrame, as `xla/ffi/api/c_api.h` lays it out."""

    def __init__(self, arguments, results, numbers, schedule):
        self._kept = [arguments, results, numbers]
        array = self._words(0, len(numbers), numbers.ctypes.data)
        attributes = self._words(array)
        words = [0] * 22
        functions = [0] * 32  # those of XLA
        functions[6 + 2] = self._callback(lambda error: None)  # XLA_FFI_Error_Destroy
        functions[6 + 11] = self._callback(partial(_schedule, schedule))
        words[2] = self._words(*functions)
        words[9] = self._words(*map(self._buffer, arguments))  # at byte 72
        words[7] = len(arguments)
        words[14] = self._words(*map(self._buffer, results))  # at byte 112
        words[20] = attributes  # at byte 160
        self.address = self._words(*words)

    def _callback(self, function):
        made = _FUNCTION(function)
        self._kept.append(made)
        return ctypes.cast(made, ctypes.c_void_p).value

    def _buffer(self, guarded):
        return self._words(0, 0, 0, guarded.address, 0, 0)

    def _words(self, *words):
        memory = (ctypes.c_uint64 * len(words))(*words)
        self._kept.append(memory)
        return ctypes.addressof(memory)
