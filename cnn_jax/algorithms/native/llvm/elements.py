# llvmlite declares its types too widely for these.
# pyright: reportAttributeAccessIssue=false, reportReturnType=false, reportArgumentType=false
"""The elements of arrays: how they are stored, and what they are while they are computed with."""

from llvmlite import ir

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F32, F64 = ir.FloatType(), ir.DoubleType()
POINTER = ir.PointerType()

# How an element is stored, and what it is while it is computed with.
STORED = {
    "float32": F32,
    "float64": F64,
    "bfloat16": I16,
    "float16": ir.HalfType(),
    "int64": I64,
    "uint8": I8,
}
COMPUTED = {**STORED, "bfloat16": F32, "float16": F32}
BYTES = {"float32": 4, "float64": 8, "bfloat16": 2, "float16": 2, "int64": 8, "uint8": 1}


def summed(stored: str) -> str:
    """The dtype that elements are computed with and sums run in."""
    return "float64" if stored == "float64" else "float32"


def widened(build: ir.IRBuilder, value: ir.Value, dtype: str) -> ir.Value:
    """What was stored as `dtype`, as it is computed with."""
    if dtype not in ("bfloat16", "float16"):
        return value
    wide = alike(value.type, F32)
    if dtype == "float16":
        return build.fpext(value, wide)
    bits = build.zext(value, alike(value.type, I32))
    return build.bitcast(build.shl(bits, filled(bits.type, 16)), wide)


def rounded(build: ir.IRBuilder, value: ir.Value, dtype: str) -> ir.Value:
    """What was computed, as it is stored as `dtype`: rounded to nearest, ties to even."""
    if dtype == "float16":
        return build.fptrunc(value, alike(value.type, ir.HalfType()))
    if dtype != "bfloat16":
        return value
    ints = alike(value.type, I32)
    bits = build.bitcast(value, ints)
    high = build.lshr(bits, filled(ints, 16))
    half = build.add(build.and_(high, filled(ints, 1)), filled(ints, 0x7FFF))
    nearest = build.lshr(build.add(bits, half), filled(ints, 16))
    quiet = build.or_(high, filled(ints, 0x40))  # a NaN must not round to infinity
    is_nan = build.fcmp_unordered("uno", value, value)
    return build.trunc(build.select(is_nan, quiet, nearest), alike(value.type, I16))


def address(build: ir.IRBuilder, base: ir.Value, index: ir.Value, kind: ir.Type) -> ir.Value:
    """The address of element `index` of an array."""
    place = build.gep(base, [index], source_etype=kind)
    place.type = POINTER  # what stands there may be read as any type
    return place


def alike(kind: ir.Type, element: ir.Type) -> ir.Type:
    """The type with other elements: a vector for a vector, a scalar for a scalar."""
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def filled(kind: ir.Type, number: int) -> ir.Constant:
    """A constant of a type of integers, the same number in every lane."""
    return ir.Constant(kind, [number] * kind.count if isinstance(kind, ir.VectorType) else number)


def mangled(kind: ir.Type) -> str:
    """A type as it stands in the name of an intrinsic: v16f32."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{mangled(kind.element)}"
    names = {F32: "f32", F64: "f64", ir.HalfType(): "f16"}
    return names.get(kind) or f"i{kind.width}"
