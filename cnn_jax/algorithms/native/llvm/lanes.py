# llvmlite declares its types too widely for these.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""Vectors compared lane by lane, and chosen from by the outcome.

A mask is a `Vector` too: of one bit in each lane.
"""

from llvmlite import ir

from .language import I8, Code, Int, Number, Vector


def where(mask: Vector, yes: Vector, no: Vector) -> Vector:
    """`yes` in the lanes where the mask holds, `no` in the others."""
    return Vector(yes.code, yes.code.ir.select(mask.value, yes.value, no.value))


def constant(code: Code, number: float) -> Vector:
    """A vector of copies of one float."""
    kind = code.zeros().value.type
    return Vector(code, ir.Constant(kind, [float(number)] * kind.count))


def reciprocal(code: Code, number: Int) -> Vector:
    """A vector of copies of 1 / number."""
    kind = code.zeros().value.type.element
    one = ir.Constant(kind, 1.0)
    return code.broadcast(Vector(code, code.ir.fdiv(one, code.ir.sitofp(number.value, kind))))


def beyond(a: Vector, b: Vector, sign: int) -> Vector:
    """Where a is larger than b (sign 1) or smaller (sign -1); nowhere if either is NaN."""
    return Vector(a.code, a.code.ir.fcmp_ordered(">" if sign > 0 else "<", a.value, b.value))


def is_nan(a: Vector) -> Vector:
    """Where a is NaN."""
    return Vector(a.code, a.code.ir.fcmp_unordered("uno", a.value, a.value))


def extreme(found: Vector, element: Vector, sign: int) -> Vector:
    """The larger of two, or with sign -1 the smaller; NaN if either is NaN, `found` if they tie.

    As `parts.extremes.larger`. The first line is one instruction on x86, which returns `found`
    where either is NaN.
    """
    best = where(beyond(element, found, sign), element, found)
    return where(is_nan(element), element, best)


def replaces(found: Vector, element: Vector, sign: int) -> Vector:
    """Where `extreme` takes the element: it is beyond, or the first NaN."""
    build = found.code.ir
    how = ">" if sign > 0 else "<"
    taken = build.fcmp_unordered(how, element.value, found.value)
    valid = build.fcmp_ordered("ord", found.value, found.value)
    return Vector(found.code, build.and_(taken, valid))


def bytes_of(code: Code, number: Number) -> Vector:
    """A vector of copies of one byte, as an array of uint8 holds them."""
    return code.broadcast(Vector(code, code.ir.trunc(code.number(number).value, I8)))


def same(a: Vector, b: Vector) -> Vector:
    """Where two vectors of bytes are equal."""
    return Vector(a.code, a.code.ir.icmp_signed("==", a.value, b.value))
