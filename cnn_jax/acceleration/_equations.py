"""Read and run the equations of a jaxpr, for all versions of JAX from 0.7.2 on.

Parameters whose names changed between versions are read here and nowhere else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from jax.extend import source_info_util
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

# Equations that hold a function which may be taken apart, and the parameters that hold it.
OPENED = {
    "jit": ("jaxpr",),
    "closed_call": ("call_jaxpr",),
    "custom_jvp_call": ("call_jaxpr",),
    "custom_vjp_call": ("call_jaxpr",),
    "remat2": ("jaxpr",),
    "shard_map": ("jaxpr",),
    "scan": ("jaxpr",),
    "while": ("cond_jaxpr", "body_jaxpr"),
    "cond": ("branches",),
}
OPENED["checkpoint"] = OPENED["remat2"]


def plain(jaxpr: Any) -> Any:
    """The jaxpr itself, where a closed one also holds its constants."""
    return getattr(jaxpr, "jaxpr", jaxpr)


def inner(equation: Any) -> Iterator[Any]:
    """Yield every jaxpr that an equation holds."""
    for value in equation.params.values():
        for entry in value if isinstance(value, tuple | list) else (value,):
            if isinstance(entry, Jaxpr | ClosedJaxpr):
                yield entry


def source(atom: Any, made_by: Mapping[Any, Any]) -> Any:
    """The equation in `made_by` that makes a variable, if there is one."""
    return None if isinstance(atom, Literal) else made_by.get(atom)


def is_choice_of_platform(equation: Any) -> bool:
    """Whether the equation stands for `jax.lax.platform_dependent`."""
    return equation.params.get("branches_platforms") is not None


def bind(equation: Any, operands: Sequence, **changed: Any) -> list:
    """Run an equation on other operands, with some of its parameters `changed`."""
    primitive = equation.primitive
    if changed:
        made = primitive.bind(*operands, **{**equation.params, **changed})
    else:
        options = primitive.get_bind_params(equation.params)
        # JAX 0.7 returns functions and options, later versions options alone.
        functions, options = options if isinstance(options, tuple) else ((), options)
        made = primitive.bind(*functions, *operands, **options)
    return list(made) if primitive.multiple_results else [made]


@contextmanager
def as_written(equation: Any) -> Iterator[None]:
    """Give what runs inside the name, the source line and the settings of an equation."""
    source = equation.source_info
    names = source_info_util.current_name_stack() + source.name_stack
    with source_info_util.user_context(source.traceback, name_stack=names), equation.ctx.manager:
        yield


def scanned(equation: Any) -> tuple[int, int]:
    """How many operands of a scan are constants, and how many of the next ones it carries.

    From JAX 0.11 on no parameter says so. A scanned array has one axis more in the equation than in
    the body; constants and carries have equal ranks.
    """
    body = plain(equation.params["jaxpr"])
    whole = _equal_ranks(equation.invars, body.invars)
    carried = _equal_ranks(equation.outvars, body.outvars)
    return whole - carried, carried


def manual_axes(equation: Any) -> Any:
    """The mesh axes that a ``shard_map`` splits its arguments over."""
    options = equation.params
    return options["newly_manual_axes" if "newly_manual_axes" in options else "manual_axes"]


def _equal_ranks(outer: Any, inner: Any) -> int:
    return sum(len(a.aval.shape) == len(b.aval.shape) for a, b in zip(outer, inner, strict=True))
