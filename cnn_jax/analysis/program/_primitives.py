"""Kinds of JAX's primitives, by name."""

_ELEMENTWISE = """
abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil clamp clz
complex conj convert_element_type copy copy_p cos cosh digamma div eq eq_to erf erf_inv erfc exp
exp2 expm1 floor ge gt igamma igammac imag integer_pow is_finite le le_to lgamma log log1p logistic
lt lt_to max min mul name ne neg nextafter not or polygamma population_count pow real
reduce_precision regularized_incomplete_beta rem round rsqrt select_n sharding_constraint shift_left
shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh xor
zeta
"""
# Each element of the result depends on the elements in the same place; a scalar is in every place.
ELEMENTWISE = frozenset(_ELEMENTWISE.split())

# Steps that put elements elsewhere, and the operands whose elements they are (None: all): the
# others are indices.
MOVES: dict[str, tuple[int, ...] | None] = {
    "reshape": (0,),
    "broadcast_in_dim": (0,),
    "transpose": (0,),
    "squeeze": (0,),
    "expand_dims": (0,),
    "slice": (0,),
    "rev": (0,),
    "split": (0,),
    "tile": (0,),
    "dynamic_slice": (0,),
    "gather": (0,),
    "pad": (0, 1),
    "dynamic_update_slice": (0, 1),
    "scatter": (0, 2),
    "scatter-add": (0, 2),
    "concatenate": None,
}

# Those of them that add what meets in one place.
SUMS = ("scatter-add",)

# Products of two operands, in which elements meet by their places alone.
BILINEAR = ("conv_general_dilated", "dot_general")

_REDUCTIONS = """
reduce reduce_sum reduce_prod reduce_max reduce_min reduce_and reduce_or reduce_xor argmax argmin
"""
REDUCTIONS = tuple(_REDUCTIONS.split())

WINDOW_REDUCTIONS = (
    "reduce_window",
    "reduce_window_sum",
    "reduce_window_max",
    "reduce_window_min",
)

CUMULATIONS = ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
