"""From a kernel's loop nests to a function that XLA can call, by LLVM."""

import ctypes
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass

import jax

from . import stored
from .machine import Machine, host

Phase = Callable[..., None]


@dataclass(frozen=True)
class Kernel:
    """A class of calls that one compiled kernel serves.

    Attributes:
        name: of the file of its nests, such as ``"dense"``.
        phases: its nests, each a function (code, plan, pointers, own, shared, item, traits) that
            writes the computation of one item. `pointers` are the addresses of the arguments and
            results, `own` that of the thread's scratch, `shared` that of the scratch of all.
        buffers: the number of arguments and results, the scratch included, which is the last.
        traits: what is fixed when the kernel is compiled: the dtype of the sums, which comes first,
            block sizes, flags.
    """

    name: str
    phases: tuple[Phase, ...]
    buffers: int
    traits: tuple

    @property
    def target(self) -> str:
        """The name by which XLA calls it."""
        return ".".join(("cnn_jax.native", self.name, *map(str, self.traits)))


_lock = threading.Lock()
_engines = []  # what LLVM loaded, kept as long as XLA may call it


@functools.cache
def _registered(kernel: Kernel) -> None:
    machine = host()
    object_code = stored.fetch(kernel, machine, lambda: compiled(kernel, machine))
    address = load(object_code, kernel.target)
    jax.ffi.register_ffi_target(kernel.target, _capsule(address), platform="cpu")


def registered(kernel: Kernel) -> str:
    """Compile a kernel, unless this process or an earlier one has, and make it known to XLA.

    Returns:
        The name of the target, for `jax.ffi.ffi_call`.
    """
    with _lock:
        _registered(kernel)
    return kernel.target


def _capsule(address: int) -> object:
    """An address as Python's objects hold one for other libraries."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new(address, None, None)


def module_text(kernel: Kernel, machine: Machine) -> str:
    """The kernel in LLVM's language, not yet optimised."""
    from llvmlite import ir

    from . import handler
    from .elements import I64, POINTER, address
    from .language import Array, Code, Int

    module = ir.Module(kernel.target)
    module.triple = machine.triple
    phases = []
    for number, nest in enumerate(kernel.phases):
        kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, POINTER, I64])
        function = ir.Function(module, kind, f"phase{number}")
        function.linkage = "internal"
        code = Code(function, machine, kernel.traits[0])
        plan, buffers, own, shared, item = function.args
        pointers = [
            code.ir.load(address(code.ir, buffers, I64(i), POINTER), typ=POINTER)
            for i in range(kernel.buffers)
        ]
        nest(
            code, Array(code, plan, "int64"), pointers, own, shared, Int(code, item), kernel.traits
        )
        code.ir.ret_void()
        phases.append(function)
    handler.write(module, kernel.target, phases, kernel.buffers)
    width = 8 * machine.vector_bytes
    attributes = f'nounwind "min-legal-vector-width"="{width}" "prefer-vector-width"="{width}"'
    return _with_attributes(str(module), attributes)


def _with_attributes(text: str, attributes: str) -> str:
    """Give every function of a module these attributes, which llvmlite does not know."""
    lines = [
        f"{line} #0" if line.startswith("define ") and not line.endswith("#0") else line
        for line in text.splitlines()
    ]
    return "\n".join([*lines, f"attributes #0 = {{ {attributes} }}"])


def compiled(kernel: Kernel, machine: Machine) -> bytes:
    """The kernel as an object file for a machine."""
    return target_machine(machine).emit_object(optimised(kernel, machine))


def optimised(kernel: Kernel, machine: Machine):
    """The kernel as a module of LLVM, optimised."""
    import llvmlite.binding as llvm

    target = target_machine(machine)
    module = llvm.parse_assembly(module_text(kernel, machine))
    module.verify()
    # The nests are unrolled and vectorised as they are written.
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    passes = llvm.create_pass_builder(target, options)
    passes.getModulePassManager().run(module, passes)
    return module


@functools.cache
def target_machine(machine: Machine):
    """LLVM's compiler for a machine."""
    import llvmlite.binding as llvm

    if machine == host():
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=3, reloc="pic", codemodel="small"
    )


def load(object_code: bytes, name: str) -> int:
    """The address of a function of an object file, now in memory."""
    import llvmlite.binding as llvm

    machine = host()
    target_machine(machine)
    target = llvm.Target.from_triple(machine.triple).create_target_machine()
    # llvmlite's memory manager puts all parts of an object side by side. LLVM's own may put the
    # constants over 2 GiB away from the code in a process with much memory, and then aborts.
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target, use_lmm=True)
    engine.add_object_file(llvm.ObjectFileRef.from_data(object_code))
    engine.finalize_object()
    _engines.append(engine)
    return engine.get_function_address(name)
