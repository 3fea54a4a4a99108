"""The processor that kernels are written for: what LLVM calls it, and how wide its vectors are."""

import functools
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """A processor, as LLVM knows it.

    Attributes:
        triple: the architecture and the operating system, such as ``"x86_64-unknown-linux-gnu"``.
        cpu: LLVM's name of the processor.
        features: its instruction sets, as LLVM takes them: ``"+avx2,-avx512f,..."``.
        vector_bytes: bytes of a vector register.
        registers: the number of vector registers.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int

    @property
    def is_x86(self) -> bool:
        return self.triple.startswith("x86_64")

    def lanes(self, itemsize: int) -> int:
        """The number of elements of `itemsize` bytes in a vector."""
        return self.vector_bytes // itemsize


class Unknown(Exception):
    """Kernels cannot be written for a processor; the message says why."""


def described(triple: str, cpu: str, features: dict[str, bool]) -> Machine:
    """The machine with these features. Raises `Unknown` if there are no kernels for it."""
    if "windows" in triple:
        raise Unknown("the kernels are not written for Windows")
    flat = ",".join(f"{'+' if on else '-'}{name}" for name, on in sorted(features.items()))
    if triple.startswith(("aarch64", "arm64")):
        return Machine(triple, cpu, flat, vector_bytes=16, registers=32)
    if not triple.startswith("x86_64"):
        raise Unknown(f"the processor is neither x86-64 nor ARM, but {triple}")
    if not (features.get("fma") and features.get("avx2")):
        raise Unknown(f"the processor, {cpu}, has no AVX2 and fused multiply-add")
    if all(features.get(f"avx512{part}") for part in ("f", "vl", "bw", "dq")):
        return Machine(triple, cpu, flat, vector_bytes=64, registers=32)
    return Machine(triple, cpu, flat, vector_bytes=32, registers=16)


@functools.cache
def host() -> Machine:
    """This machine.

    Raises:
        ImportError: there is no llvmlite here.
        Unknown: kernels cannot be written for this processor.
    """
    import llvmlite.binding as llvm

    features = dict(llvm.get_host_cpu_features())
    return described(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)
