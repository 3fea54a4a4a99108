"""Calls whose arguments do not fit a function's signature: which argument was meant."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ._names import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

SYNONYMS = (
    ("x", "y", "lhs", "operand", "input", "inputs", "image", "images", "img"),
    ("kernel", "rhs", "weight", "weights", "filter", "filters", "w"),
    ("bias", "b", "biases"),
    ("window", "window_dimensions", "kernel_size", "window_shape", "pool_size", "kernel_shape")
    + ("size", "ksize", "filter_size"),
    ("stride", "strides", "window_strides", "subsample"),
    ("padding", "pad", "pads", "padding_type", "pad_width"),
    ("padding_mode", "pad_mode", "mode", "border_mode"),
    ("value", "constant_values", "fill", "fill_value"),
    ("dilation", "dilations", "rhs_dilation", "window_dilation", "kernel_dilation", "dilation_rate")
    + ("rate", "atrous_rate"),
    ("input_dilation", "lhs_dilation", "base_dilation"),
    ("groups", "group", "feature_group_count", "num_groups", "feature_groups"),
    ("output_padding", "out_padding"),
    ("output_size", "output_shape", "spatial", "out_size", "out_shape"),
    ("offsets", "offset"),
    ("offset_groups", "offset_group", "deformable_groups", "n_offset_grps"),
    ("preferred_element_type", "preferred_type", "dtype", "out_dtype", "output_dtype"),
    ("algorithm", "algo", "implementation", "impl", "backend"),
    ("scale", "scale_factor", "factor"),
    ("method", "mode", "interpolation"),
    ("block", "block_size", "blocksize", "upscale_factor", "downscale_factor", "factor"),
    ("p", "norm_type", "ord", "norm"),
    ("key", "rng", "rngs", "seed", "generator"),
    ("spatial_rank", "rank", "ndim", "axis", "axes"),
    ("computation", "reducer", "fn"),
    ("init_value", "init"),
)
"""Names of one thing: ours, and those of PyTorch, Keras, Flax, lax and ONNX."""

ELSEWHERE = {
    "data_format": "arrays are channels last",
    "dimension_numbers": "arrays are channels last; `conv_general_dilated` takes lax's layouts",
    "channels_last": "arrays are channels last",
    "channel_axis": "arrays are channels last",
    "return_indices": "use `max_pool_with_indices`",
    "size": "give the `scale`, the new size over the old one",
    "inplace": "no array is ever changed",
    "transposed": "use `conv_transpose`",
    "divisor_override": "use `sum_pool` and divide",
}
"""What to use instead of an argument that other libraries have and this one does not."""


def with_hints(function: F) -> F:
    """Wrap `function`: where a call does not fit its signature, the error says what was meant.

    A keyword is looked up among the names that other libraries have for the same thing. The
    signature stays visible to editors, type checkers and `inspect`.

    ```
    >>> @with_hints
    ... def pool(x, window, *, stride=None): ...
    >>> pool(0, (2, 2), strides=2)
    Traceback (most recent call last):
    TypeError: `pool` has no argument `strides`: write `stride`.

    ```
    """

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except TypeError as error:
            trace = error.__traceback__
            if trace is not None and trace.tb_next is not None:  # raised inside of `function`
                raise
            raise TypeError(_mismatch(function, args, options) or str(error)) from None

    return call  # pyright: ignore[reportReturnType]


def _mismatch(function: Callable[..., Any], args: tuple, options: dict[str, Any]) -> str | None:
    """What is wrong with the call, in a sentence; None if its arguments fit the signature."""
    parameters = inspect.signature(function).parameters
    name, keyword = f"`{function.__name__}`", inspect.Parameter.KEYWORD_ONLY
    positional = [p for p, parameter in parameters.items() if parameter.kind != keyword]
    options_of = [p for p, parameter in parameters.items() if parameter.kind == keyword]
    for option in options:
        if option not in parameters:
            return f"{name} has no argument `{option}`{_instead(option, list(parameters))}"
    if len(args) > len(positional):
        text = f"{name} takes at most {_listed(positional)} by position"
        example = f", such as `{options_of[0]}={args[len(positional)]!r:.40}`" if options_of else ""
        return f"{text}; got {len(args)} arguments. Write options by name{example}."
    if twice := [p for p in positional[: len(args)] if p in options]:
        return f"{name} got {_listed(twice)} twice, by position and by name."
    given = {*positional[: len(args)], *options}
    missing = [p for p, q in parameters.items() if q.default is q.empty and p not in given]
    return f"{name} needs {_listed(missing)}." if missing else None


def _instead(option: str, known: list[str]) -> str:
    """The end of an error about an argument that a function does not have."""
    for names in SYNONYMS:
        if option.lower() in names and (ours := [name for name in names if name in known]):
            return f": write {' or '.join(f'`{name}`' for name in ours)}."
    if option in ELSEWHERE:
        return f": {ELSEWHERE[option]}."
    return f"; it has {_listed(known)}.{did_you_mean(option, known)}"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
