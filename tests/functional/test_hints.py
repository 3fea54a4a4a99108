"""What a wrong call is told to write instead: keywords of other libraries, layouts, ints."""

import inspect
import subprocess
import sys

import jax
import numpy as np
import pytest

from cnn_jax import functional as F

X = np.ones((2, 8, 9, 4), np.float32)
KERNEL = np.ones((3, 3, 4, 6), np.float32)
DEPTHWISE = np.ones((3, 3, 1, 8), np.float32)
FIRST = np.moveaxis(X, -1, 1)  # (n, c, h, w)
TORCH = KERNEL.transpose(3, 2, 0, 1)  # (o, i, h, w)

KEYWORDS = [
    (lambda: F.conv(X, KERNEL, strides=2), "`conv` has no argument `strides`: write `stride`."),
    (lambda: F.conv(X, KERNEL, window_strides=2), "`window_strides`: write `stride`."),
    (lambda: F.conv(X, KERNEL, rhs_dilation=2), "`rhs_dilation`: write `dilation`."),
    (lambda: F.conv(X, KERNEL, kernel_dilation=2), "`kernel_dilation`: write `dilation`."),
    (lambda: F.conv(X, KERNEL, dilation_rate=2), "`dilation_rate`: write `dilation`."),
    (lambda: F.conv(X, KERNEL, lhs_dilation=2), "`lhs_dilation`: write `input_dilation`."),
    (lambda: F.conv(X, KERNEL, feature_group_count=2), "`feature_group_count`: write `groups`."),
    (lambda: F.conv(X, KERNEL, pad="SAME"), "`pad`: write `padding`."),
    (lambda: F.conv(X, KERNEL, mode="reflect"), "`mode`: write `padding_mode`."),
    (lambda: F.conv(X, weight=KERNEL), "`weight`: write `kernel`."),
    (lambda: F.conv(input=X, kernel=KERNEL), "`input`: write `x`."),
    (lambda: F.conv(X, KERNEL, data_format="NCHW"), "`data_format`: arrays are channels last."),
    (lambda: F.conv_transpose(X, KERNEL, output_size=(8, 8)), "write `output_shape`."),
    (lambda: F.max_pool(X, kernel_size=2), "`kernel_size`: write `window`."),
    (lambda: F.max_pool(X, pool_size=2), "`pool_size`: write `window`."),
    (lambda: F.max_pool(X, window_shape=2), "`window_shape`: write `window`."),
    (lambda: F.max_pool(X, (2, 2), return_indices=True), "use `max_pool_with_indices`."),
    (lambda: F.lp_pool(X, (2, 2), norm_type=2), "`norm_type`: write `p`."),
    (lambda: F.upsample(X, scale_factor=2), "`scale_factor`: write `scale`."),
    (lambda: F.upsample(X, size=2), "`size`: give the `scale`, the new size over the old one."),
    (lambda: F.upsample(X, (2, 2), mode="linear"), "`mode`: write `method`."),
    (lambda: F.depth_to_space(X, upscale_factor=2), "`upscale_factor`: write `block`."),
    (lambda: F.pad(X, pad_width=2), "`pad_width`: write `padding`."),
    (lambda: F.conv_general_dilated(X, KERNEL, strides=1), "`strides`: write `window_strides`."),
    (lambda: F.conv(X, KERNEL, algoritm="xla"), "Did you mean 'algorithm'?"),
    (lambda: F.max_pool(X, (2, 2), 2), "Write options by name, such as `stride=2`."),
    (lambda: F.conv(X, KERNEL, None, 2), "Write options by name, such as `stride=2`."),
    (lambda: F.conv(X, KERNEL, 2), "Options are given by name, such as `stride=2`."),
    (lambda: F.conv(X, KERNEL, (2, 2)), "Options are given by name, such as `stride=(2, 2)`."),
    (lambda: F.conv(X, KERNEL, "SAME"), "Options are given by name, such as `padding='SAME'`."),
    (lambda: F.conv(X), "`conv` needs `kernel`."),
]

FITS = "Arrays are channels last: `x` (2, 8, 9, 4) and `kernel` (3, 3, 4, 6) would fit."
LAYOUTS = [
    (lambda: F.conv(FIRST, KERNEL), FITS),
    (lambda: F.conv(X, TORCH), FITS),
    (lambda: F.conv(FIRST, TORCH), FITS),
    (lambda: F.conv(X[0], TORCH), "`x` (8, 9, 4) and `kernel` (3, 3, 4, 6) would fit."),
    (lambda: F.deform_conv(FIRST, KERNEL, X), FITS),
    (
        lambda: F.depthwise_conv(FIRST, DEPTHWISE.transpose(3, 2, 0, 1)),
        "`x` (2, 8, 9, 4) and `kernel` (3, 3, 1, 8) would fit.",
    ),
    (
        lambda: F.conv_transpose(np.moveaxis(X, -1, 1), np.ones((4, 6, 3, 3), np.float32)),
        "Arrays are channels last: `y` (2, 8, 9, 4) and `kernel` (3, 3, 6, 4) would fit.",
    ),
]

INTS = [
    (lambda: F.max_pool(X, 3), "such as (3, 3) for images; got 3."),
    (lambda: F.blur_pool(X, 3), "such as (3, 3) for images; got 3."),
    (lambda: F.unfold(X, 3), "such as (3, 3) for images; got 3."),
    (lambda: F.upsample(X, 1.5), "such as (1.5, 1.5) for images; got 1.5."),
    (lambda: F.adaptive_avg_pool(X, 7), "such as (7, 7) for images; got 7."),
    (lambda: F.pad(X, 2), "such as (2, 2) for images; got 2."),
    (lambda: F.depth_to_space(X, 2), "such as (2, 2) for images; got 2."),
    (lambda: F.polyphase_pool(X, 2), "such as (2, 2) for images; got 2."),
    (lambda: F.max_unpool(X, X.astype(int), 9), "such as (9, 9) for images; got 9."),
]

HINTS = [*KEYWORDS, *LAYOUTS, *INTS]


@pytest.mark.parametrize("index", range(len(HINTS)))
def test_a_wrong_call_is_told_what_to_write(index):
    call, text = HINTS[index]
    with pytest.raises((TypeError, ValueError)) as raised:
        call()
    assert str(raised.value).endswith(text)


def test_no_layout_is_guessed_where_none_would_fit():
    with pytest.raises(ValueError, match=r"got `x` \(2, 8, 9, 3\) and `kernel` \(3, 3, 4, 6\).$"):
        F.conv(X[..., :3], KERNEL)


PUBLIC = {name: f for name, f in vars(F).items() if inspect.isfunction(f) and name[0] != "_"}


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - {"using", "explain"}))
def test_every_function_refuses_an_unknown_argument_by_name(name):
    with pytest.raises(TypeError) as raised:
        PUBLIC[name](no_such_thing=1)
    assert str(raised.value).startswith(f"`{name}` has no argument `no_such_thing`; it has `")
    assert next(iter(inspect.signature(PUBLIC[name]).parameters)) in str(raised.value)


LARGE = """
import sys
import jax, jax.numpy as jnp
from cnn_jax import functional as F

x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((1, 1, 1, 1))
for n in (2**31, 2**31 - 1, 2**40, 2**63, 2**70, 10**400, -(2**31), -(2**70)):
    for call in (
        lambda: F.conv(x, kernel, padding=n),
        lambda: F.conv(x, kernel, padding=n, padding_mode="circular"),
        lambda: F.conv(x, kernel, padding=((n, -n), 0)),
        lambda: F.conv(x, kernel, input_dilation=n),
        lambda: F.conv(x, jnp.ones((2, 2, 1, 1)), dilation=n),
        lambda: F.conv_transpose(x, kernel, stride=n),
        lambda: F.conv_transpose(x, kernel, padding=-n),
        lambda: F.max_pool(x, (1, 1), padding=n),
        lambda: F.max_pool(x, (n, 1)),
        lambda: F.pad(x, (n, n)),
        lambda: F.max_unpool(x, x.astype(int), (n, n)),
        lambda: F.adaptive_avg_pool(x, (n, n)),
        lambda: F.upsample(x, (n, n)),
        lambda: F.depth_to_space(x, (n, n)),
        lambda: F.fold(jnp.ones((1, 1, 1, 1, 1)), (n, n), (1, 1)),
        lambda: F.conv_general_dilated(x, x, (1, 1), [(n, n)] * 2),
        lambda: F.reduce_window(x, 0.0, jax.lax.add, (1, 2, 2, 1), padding=n),
    ):
        try:
            call()
        except (TypeError, ValueError) as error:
            assert type(error) in (TypeError, ValueError) and "`" in str(error), error
            print("refused")
"""


def test_no_int_ends_the_process():
    """In a process of its own: XLA ends it where a length overflows."""
    run = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    harmless = 1  # padding by 2**31 - 1 and 1 - 2**31 leaves the size
    assert run.stdout.split().count("refused") == 8 * 17 - harmless


def test_huge_steps_that_are_never_taken_are_harmless():
    x = np.arange(4.0, dtype=np.float32).reshape(1, 4, 1)
    y = F.conv(x, np.ones((1, 1, 1), np.float32), stride=2**31 - 1, dilation=2**31 - 1)
    assert y.ravel().tolist() == [0]
    gradient = jax.grad(lambda x: F.max_pool(x, (2,), stride=2**31 - 1).sum())(x)
    assert gradient.ravel().tolist() == [0, 1, 0, 0]
