# llvmlite declares its types too widely for these.
# pyright: reportAttributeAccessIssue=false, reportReturnType=false, reportArgumentType=false
"""A small language for loop nests over arrays, with the vector registers in the open.

A kernel is a Python function that is run once, to write the instructions of a loop nest:

    def scaled(code, x, y, n, factor):              # y[i] = factor * x[i]
        lanes = code.lanes
        with code.loop(0, n, lanes) as i:
            keep = code.smaller(n - i, lanes)       # the last vector may be shorter
            y.store(i, x.load(i, keep) * factor, keep)

Numbers that are known while the nest is written are Python's own; `Int` holds one that is known
when it runs, and `Vector` a register of floats. Loops, conditions and masks that do not depend on
anything known later cost nothing. A `Register` is a variable: LLVM keeps it in a register as long
as there are enough.

Arrays are addressed in elements from where they start. An array of bfloat16 or float16 is loaded as
float32, and rounded to the nearest, ties to even, when it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from llvmlite import ir

from .elements import (
    BYTES,
    COMPUTED,
    I8,
    I32,
    I64,
    POINTER,
    STORED,
    address,
    mangled,
    rounded,
    widened,
)
from .machine import Machine


class Int:
    """An integer that is known when the kernel runs."""

    def __init__(self, code: Code, value: ir.Value):
        self.code, self.value = code, value

    def _with(self, name: str, other: Number, turned: bool = False) -> Int:
        values = (self.value, self.code.number(other).value)
        return Int(self.code, getattr(self.code.ir, name)(*(values[::-1] if turned else values)))

    def __add__(self, other: Number) -> Int:
        return self._with("add", other)

    def __sub__(self, other: Number) -> Int:
        return self._with("sub", other)

    def __rsub__(self, other: Number) -> Int:
        return self._with("sub", other, turned=True)

    def __mul__(self, other: Number) -> Int:
        return self._with("mul", other)

    def __floordiv__(self, other: Number) -> Int:
        """The quotient of numbers that are not negative."""
        return self._with("udiv", other)

    def __mod__(self, other: Number) -> Int:
        """The remainder of numbers that are not negative."""
        return self._with("urem", other)

    def __and__(self, other: Int) -> Int:
        return self._with("and_", other)

    def _compared(self, how: str, other: Number) -> Int:
        values = self.value, self.code.number(other).value
        return Int(self.code, self.code.ir.icmp_signed(how, *values))

    def __lt__(self, other: Number) -> Int:
        return self._compared("<", other)

    def __le__(self, other: Number) -> Int:
        return self._compared("<=", other)

    def __gt__(self, other: Number) -> Int:
        return self._compared(">", other)

    def __ge__(self, other: Number) -> Int:
        return self._compared(">=", other)

    def within(self, length: Number) -> Int:
        """Whether 0 <= self < length."""
        length = self.code.number(length)
        return Int(self.code, self.code.ir.icmp_unsigned("<", self.value, length.value))

    def equals(self, other: Number) -> Int:
        return self._compared("==", other)

    __radd__, __rmul__ = __add__, __mul__


class Vector:
    """A register of floats, or one float."""

    def __init__(self, code: Code, value: ir.Value):
        self.code, self.value = code, value

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.code, self.code.ir.fadd(self.value, other.value))

    def __mul__(self, other: Vector) -> Vector:
        return Vector(self.code, self.code.ir.fmul(self.value, other.value))

    def times(self, other: Vector, plus: Vector) -> Vector:
        """self * other + plus, rounded once."""
        args = [self.value, other.value, plus.value]
        return Vector(self.code, self.code.intrinsic("llvm.fma", plus.value.type, args))


Number: TypeAlias = Int | int


class Register:
    """A variable, which LLVM keeps in a register."""

    def __init__(self, code: Code, first: Vector | Int):
        self.code, self.kind = code, type(first)
        self.type = first.value.type
        with code.ir.goto_entry_block():
            self.place = code.ir.alloca(self.type)
        self.set(first)

    def set(self, value: Vector | Int) -> None:
        self.code.ir.store(value.value, self.place)

    @property
    def now(self) -> Any:
        return self.kind(self.code, self.code.ir.load(self.place, typ=self.type))


class Sum(Register):
    """A sum of products, a vector of them, in a register."""

    def add(self, a: Vector, b: Vector) -> None:
        """Add a * b, rounded once. The products of a kernel are added in the order written.

        LLVM would load all that a step of a loop needs before it multiplies, for which there are
        not enough registers. So nothing that is loaded after a product is loaded before it: an
        instruction of assembler, an empty one, reads the sum.
        """
        code, kind = self.code, self.type
        product = code.intrinsic("llvm.fma", kind, [a.value, b.value, self.now.value])
        register = "v" if code.machine.is_x86 else "w"
        same = ir.FunctionType(kind, [kind])
        constraints = f"={register},0,~{{memory}}"
        self.set(Vector(code, code.ir.asm(same, "", constraints, [product], True)))


class Array:
    """Elements of one dtype in memory, from an address on."""

    def __init__(self, code: Code, address: ir.Value, dtype: str):
        self.code, self.address, self.dtype = code, address, dtype

    def at(self, offset: Number) -> Array:
        """The array that starts `offset` elements later."""
        return Array(self.code, self._place(offset), self.dtype)

    def _place(self, offset: Number) -> ir.Value:
        if isinstance(offset, int) and offset == 0:
            return self.address
        return address(
            self.code.ir, self.address, self.code.number(offset).value, STORED[self.dtype]
        )

    def load(self, offset: Number = 0, keep: Int | int | None = None) -> Vector:
        """A vector of elements; of `keep` elements, if that is given, and zeros after them."""
        code, kind = self.code, ir.VectorType(STORED[self.dtype], self.code.lanes)
        place, align = self._place(offset), BYTES[self.dtype]
        if keep is None or (isinstance(keep, int) and keep >= code.lanes):
            value = code.ir.load(place, typ=kind, align=align)
        else:
            args = [place, code.mask(keep), ir.Constant(kind, None)]
            value = code.masked("load", kind, align, args)
        return Vector(code, widened(code.ir, value, self.dtype))

    def store(self, offset: Number, value: Vector, keep: Int | int | None = None) -> None:
        """Store a vector; only its first `keep` elements, if that is given."""
        code, place, align = self.code, self._place(offset), BYTES[self.dtype]
        element = rounded(code.ir, value.value, self.dtype)
        if keep is None or (isinstance(keep, int) and keep >= code.lanes):
            code.ir.store(element, place, align=align)
        else:
            code.masked("store", element.type, align, [element, place, code.mask(keep)])

    def broadcast(self, offset: Number = 0) -> Vector:
        """A vector of copies of one element."""
        return self.code.broadcast(self.element(offset))

    def element(self, offset: Number = 0) -> Any:
        """One element: an `Int` of an array of integers, else a float."""
        code, stored = self.code, STORED[self.dtype]
        value = code.ir.load(self._place(offset), typ=stored, align=BYTES[self.dtype])
        if self.dtype in ("int64", "uint8"):
            return Int(code, value if stored is I64 else code.ir.zext(value, I64))
        return Vector(code, widened(code.ir, value, self.dtype))

    def put(self, offset: Number, value: Vector | Int | int) -> None:
        """Store one element."""
        code = self.code
        if self.dtype in ("int64", "uint8"):
            number = code.number(value).value
            stored = number if self.dtype == "int64" else code.ir.trunc(number, I8)
        else:
            stored = rounded(code.ir, value.value, self.dtype)
        code.ir.store(stored, self._place(offset), align=BYTES[self.dtype])


class Walk:
    """A place in an array that moves on, in a register of its own.

    LLVM would compute the addresses of a step from a common index, with more instructions than
    there are for free between the multiplications. It cannot tell how a walk is related to another:
    an instruction of assembler, an empty one, reads the address.
    """

    def __init__(self, array: Array, offset: Number = 0):
        self.array, self.code = array, array.code
        self.register = Register(self.code, Int(self.code, array.at(offset).address))

    def here(self) -> Array:
        """The array from this place on."""
        return Array(self.code, self.register.now.value, self.array.dtype)

    def step(self, count: Number) -> None:
        """Move on by so many elements."""
        same = ir.FunctionType(POINTER, [POINTER])
        moved = self.here().at(count).address
        self.register.set(Int(self.code, self.code.ir.asm(same, "", "=r,0", [moved], True)))


class Code:
    """The function that is being written: its loops, its conditions, its numbers."""

    def __init__(self, function: ir.Function, machine: Machine, computed: str):
        self.ir = ir.IRBuilder(function.append_basic_block("entry"))
        self.function, self.machine, self.computed = function, machine, computed
        self.lanes = machine.lanes(BYTES[computed])

    # -- numbers

    def number(self, value: Number) -> Int:
        return value if isinstance(value, Int) else Int(self, ir.Constant(I64, int(value)))

    def smaller(self, a: Number, b: Number) -> Int:
        a, b = self.number(a), self.number(b)
        return Int(self, self.ir.select((a < b).value, a.value, b.value))

    def larger(self, a: Number, b: Number) -> Int:
        a, b = self.number(a), self.number(b)
        return Int(self, self.ir.select((a > b).value, a.value, b.value))

    def chosen(self, condition: Int, yes, no) -> Any:
        """`yes` if the condition holds, else `no`: two arrays of a dtype, or two numbers."""
        if isinstance(yes, Array):
            address = self.ir.select(condition.value, yes.address, no.address)
            return Array(self, address, yes.dtype)
        yes, no = self.number(yes), self.number(no)
        return Int(self, self.ir.select(condition.value, yes.value, no.value))

    # -- control

    @contextmanager
    def loop(self, start: Number, stop: Number, step: Number = 1) -> Iterator[Int]:
        """Write what follows once; it runs for start, start + step, ... while less than stop."""
        build, start, stop = self.ir, self.number(start), self.number(stop)
        before = build.block
        head = build.append_basic_block("loop")
        body = build.append_basic_block("body")
        after = build.append_basic_block("after")
        build.branch(head)
        build.position_at_end(head)
        index = build.phi(I64)
        index.add_incoming(start.value, before)
        build.cbranch(build.icmp_signed("<", index, stop.value), body, after)
        build.position_at_end(body)
        yield Int(self, index)
        index.add_incoming((Int(self, index) + step).value, build.block)
        build.branch(head)
        build.position_at_end(after)

    @contextmanager
    def when(self, condition: Int) -> Iterator[None]:
        """Write what follows once; it runs if the condition holds."""
        with self.ir.if_then(condition.value):
            yield

    @contextmanager
    def otherwise(self, condition: Int) -> Iterator[None]:
        """Write what follows once; it runs if the condition does not hold."""
        with self.ir.if_then(self.ir.not_(condition.value)):
            yield

    # -- registers

    def zero(self) -> Vector:
        """One float, 0."""
        return Vector(self, ir.Constant(COMPUTED[self.computed], 0))

    def zeros(self) -> Vector:
        return Vector(self, ir.Constant(ir.VectorType(COMPUTED[self.computed], self.lanes), None))

    def sums(self, *counts: int) -> Any:
        """Sums that are zero, in nested lists of these lengths."""
        if not counts:
            return Sum(self, self.zeros())
        return [self.sums(*counts[1:]) for _ in range(counts[0])]

    def variable(self, first: Number) -> Register:
        """A variable that holds an integer."""
        return Register(self, self.number(first))

    def broadcast(self, value: Vector) -> Vector:
        kind = ir.VectorType(value.value.type, self.lanes)
        first = self.ir.insert_element(ir.Constant(kind, ir.Undefined), value.value, I32(0))
        return self.shuffled(Vector(self, first), [0] * self.lanes)

    def shuffled(self, a: Vector, lanes: Sequence[int], b: Vector | None = None) -> Vector:
        """The elements of a, and of b after them, in the order of `lanes`."""
        kind = ir.VectorType(I32, len(lanes))
        second = b.value if b else ir.Constant(a.value.type, ir.Undefined)
        return Vector(self, self.ir.shuffle_vector(a.value, second, ir.Constant(kind, list(lanes))))

    def total(self, a: Vector) -> Vector:
        """The sum of a vector's elements, one float: halves are added, then halves of those."""
        count = self.lanes
        while count > 1:
            count //= 2
            others = [*range(count, 2 * count), *range(count, self.lanes)][: self.lanes]
            a = a + self.shuffled(a, others)
        return Vector(self, self.ir.extract_element(a.value, I32(0)))

    def transposed(self, rows: list[Vector]) -> list[Vector]:
        """The columns of a square of as many vectors as a vector has elements."""
        n = len(rows)
        low = [i // 2 + (n if i % 2 else 0) for i in range(n)]
        high = [entry + n // 2 for entry in low]
        for _ in range(n.bit_length() - 1):  # each round interleaves the halves of the square
            pairs = list(zip(rows[: n // 2], rows[n // 2 :]))
            rows = [self.shuffled(a, order, b) for a, b in pairs for order in (low, high)]
        return rows

    # -- masks, dtypes, intrinsics

    def mask(self, keep: Number) -> ir.Value:
        """True for the first `keep` lanes."""
        lanes = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes)))
        limit = self.ir.trunc(self.number(keep).value, I32)
        kind = ir.VectorType(I32, self.lanes)
        first = self.ir.insert_element(ir.Constant(kind, ir.Undefined), limit, I32(0))
        limits = self.ir.shuffle_vector(
            first, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * self.lanes)
        )
        return self.ir.icmp_signed("<", lanes, limits)

    def masked(self, what: str, kind: ir.Type, align: int, args: list[ir.Value]):
        """LLVM's masked load or store."""
        module = self.function.module
        name = f"llvm.masked.{what}.{mangled(kind)}.p0"
        returned = kind if what == "load" else ir.VoidType()
        position = {"load": 1, "store": 2}[what]
        given = [*args[:position], I32(align), *args[position:]]
        declared = module.globals.get(name) or ir.Function(
            module, ir.FunctionType(returned, [arg.type for arg in given]), name
        )
        return self.ir.call(declared, given)

    def intrinsic(self, name: str, kind: ir.Type, args: list[ir.Value]):
        """A call of an intrinsic that takes and returns values of one type."""
        module, name = self.function.module, f"{name}.{mangled(kind)}"
        declared = module.globals.get(name) or ir.Function(
            module, ir.FunctionType(kind, [arg.type for arg in args]), name
        )
        return self.ir.call(declared, args)
