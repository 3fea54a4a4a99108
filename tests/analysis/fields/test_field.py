"""What units see against what they depend on: the non-zero entries of Jacobians."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from cnn_jax import functional as F
from cnn_jax.analysis.fields import NO_HIGH, NO_LOW
from cnn_jax.analysis.program import trace
from cnn_jax.analysis.rules import walk


def positive(*shape, seed=0):
    """Weights that cancel nowhere."""
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.uniform(0.5, 1.5, shape), jnp.float32)


def block(x):
    """A residual block whose shortcut has the same stride."""
    main = F.conv(F.conv(x, positive(3, 3, 2, 2), stride=2, padding=1), positive(3, 3, 2, 2))
    return main + F.conv(x, positive(1, 1, 2, 2), stride=2)[:, 1:-1, 1:-1]


def u_net(x):
    """Down by a strided convolution, up by a transposed one, and the skipped beside it."""
    low = F.conv(x, positive(3, 3, 2, 3), stride=2, padding=1)
    up = F.conv_transpose(low, positive(2, 2, 2, 3), stride=2)
    both = jnp.concatenate([x, up], axis=-1)
    return F.conv(both, positive(3, 3, 4, 2), padding=1)


def patches(x, size):
    """Squares of an image one after the other, as the tokens of a transformer."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // size, size, width // size, size, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, size * size * channels)


def turns(x):
    """A recurrence over the rows: each row sees those above."""
    return lax.scan(lambda seen, row: (seen + row, seen * 2.0 + row), x[0, 0], x[0, 1:])[1]


IMAGE = (1, 8, 7, 2)
CASES = {
    "conv": (lambda x: F.conv(x, positive(3, 3, 2, 3)), IMAGE),
    "conv, stride and padding": (
        lambda x: F.conv(x, positive(3, 2, 2, 3), stride=(2, 3), padding=((1, 0), (2, 1))),
        IMAGE,
    ),
    "conv, dilation": (lambda x: F.conv(x, positive(2, 3, 2, 3), dilation=(3, 2)), IMAGE),
    "conv, input dilation": (
        lambda x: F.conv(x, positive(2, 2, 2, 3), input_dilation=3, stride=2, padding=2),
        IMAGE,
    ),
    "conv, far padding": (lambda x: F.conv(x, positive(2, 2, 2, 3), padding=3), IMAGE),
    "conv, cropped": (lambda x: F.conv(x, positive(3, 3, 2, 3), padding=((-1, 0), (2, -2))), IMAGE),
    "conv, groups": (lambda x: F.conv(x, positive(3, 3, 2, 8), groups=2), (1, 5, 5, 4)),
    "conv, NCHW": (
        lambda x: lax.conv(x, positive(3, 2, 3, 3), (2, 1), "SAME"),
        (2, 2, 7, 6),
    ),
    "conv, batch groups": (
        lambda x: lax.conv_general_dilated(
            x, positive(4, 2, 2, 2), (1, 1), "VALID", batch_group_count=2
        ),
        (4, 2, 3, 3),
    ),
    "conv, 1-D causal": (
        lambda x: F.conv(x, positive(3, 2, 2), padding="CAUSAL", dilation=2),
        (1, 11, 2),
    ),
    "conv, circular": (
        lambda x: F.conv(x, positive(3, 3, 2, 2), padding=1, padding_mode="circular"),
        IMAGE,
    ),
    "conv, reflect": (
        lambda x: F.conv(x, positive(3, 3, 2, 2), padding=2, padding_mode="reflect"),
        IMAGE,
    ),
    "conv, kernel from data": (
        lambda x, kernel: F.conv(x, kernel * positive(3, 3, 2, 3)),
        IMAGE,
        (3, 3, 2, 3),
    ),
    "depthwise": (lambda x: F.depthwise_conv(x, positive(3, 3, 1, 4)), IMAGE),
    "local": (lambda x: F.conv_local(x, positive(3, 3, 3, 3, 2, 2), stride=2), (1, 7, 7, 2)),
    "transposed": (
        lambda x: F.conv_transpose(x, positive(3, 3, 4, 2), stride=2, padding=1),
        IMAGE,
    ),
    "transposed, dilation": (
        lambda x: F.conv_transpose(x, positive(2, 3, 4, 2), stride=(3, 2), dilation=2),
        IMAGE,
    ),
    "two convs": (
        lambda x: F.conv(F.conv(x, positive(3, 3, 2, 2), stride=2), positive(2, 2, 2, 2)),
        (1, 9, 9, 2),
    ),
    "average pool": (lambda x: F.avg_pool(x, (3, 2), stride=2, padding=1), IMAGE),
    "sum pool, ceil": (lambda x: F.sum_pool(x, (3, 3), stride=3, ceil_mode=True), IMAGE),
    "blur pool": (lambda x: F.blur_pool(x, (3, 3), stride=2), IMAGE),
    "global average": (lambda x: F.global_avg_pool(x, spatial_rank=2), IMAGE),
    "adaptive average": (lambda x: F.adaptive_avg_pool(x, (3, 5)), IMAGE),
    "dense": (lambda x: x.reshape(1, -1) @ positive(112, 3), IMAGE),
    "upsampled and pooled": (
        lambda x: F.max_pool(F.upsample(F.conv(x, positive(3, 3, 2, 2)), (2, 3)), (2, 3)),
        IMAGE,
    ),
    "upsampled and strided": (
        lambda x: F.conv(
            F.upsample(x, (2, 2)), positive(3, 4, 2, 2), stride=(2, 4), padding=((1, 1), (2, 1))
        ),
        IMAGE,
    ),
    "upsample nearest": (lambda x: F.upsample(x, (2, 3)), IMAGE),
    "upsample linear": (lambda x: F.upsample(x, (2, 1.5), method="linear"), IMAGE),
    "upsample by corners": (
        lambda x: F.upsample(x, (2, 2), method="linear", align_corners=True),
        IMAGE,
    ),
    "jax.image.resize": (lambda x: jax.image.resize(x, (1, 16, 14, 2), "linear"), IMAGE),
    "space to depth": (
        lambda x: F.conv(F.space_to_depth(x, (2, 2)), positive(2, 2, 8, 3)),
        (1, 8, 6, 2),
    ),
    "depth to space": (
        lambda x: F.conv(F.depth_to_space(x, (2, 2)), positive(3, 3, 1, 1)),
        (1, 4, 5, 4),
    ),
    "stacked": (lambda x: jnp.stack([x, 2 * x[:, ::-1], x], 2), IMAGE),
    "unstacked and tiled": (lambda x: jnp.tile(jnp.unstack(x, axis=3)[1], (1, 2, 3)), IMAGE),
    "slices": (lambda x: x[:, 1:7:2, ::-1, 1:], IMAGE),
    "picked": (lambda x: x[:, jnp.array([3, 3, 0, -1])][:, :, np.array([1, 5])], IMAGE),
    "rolled": (lambda x: jnp.roll(x, (2, -3), (1, 2)), IMAGE),
    "transpose and merge": (lambda x: x.transpose(0, 3, 2, 1).reshape(2, -1), IMAGE),
    "split and merge": (lambda x: x.reshape(1, 4, 2, 7, 2).sum(3).reshape(1, 8, 2), IMAGE),
    "pixels in a row, and back": (
        lambda x: (F.conv(x, positive(3, 3, 2, 3)).reshape(30, 3) @ positive(3, 2)).reshape(
            6, 5, 2
        ),
        IMAGE,
    ),
    "pixels in a row, cut elsewhere": (
        lambda x: F.conv(x, positive(3, 3, 2, 3)).reshape(3, 10, 3),
        IMAGE,
    ),
    "pixels in a row, cut across": (
        lambda x: F.conv(x, positive(3, 3, 2, 3)).reshape(10, 3, 3)[1:],
        IMAGE,
    ),
    "patches in a row": (
        lambda x: patches(x, 2) @ positive(2 * 2 * 2, 3),
        (1, 8, 6, 2),
    ),
    "patches in rows": (lambda x: patches(x, 2).reshape(1, 4, 3, 8).sum(-1), (1, 8, 6, 2)),
    "some of the patches": (lambda x: patches(x, 2)[:, 1::2], (1, 8, 6, 2)),
    "patches after another": (
        lambda x: jnp.concatenate([jnp.ones((1, 1, 8)), patches(x, 2)], 1),
        (1, 8, 6, 2),
    ),
    "upsampled, in a row": (lambda x: F.upsample(x, (2, 3)).reshape(1, 16 * 21, 2), IMAGE),
    "triangle": (lambda x: jnp.tril(x[0, :, :, 0]) + jnp.triu(x[0, :, :, 1], 2), IMAGE),
    "cumulated": (lambda x: jnp.cumsum(x, 1) + jnp.cumsum(x[:, ::-1], 2), IMAGE),
    "padded": (lambda x: lax.pad(x, 0.0, ((0, 0, 0), (2, -1, 1), (-1, 3, 2), (0, 0, 0))), IMAGE),
    "attention": (
        lambda x: jnp.einsum("bhwc,bhvc->bhwv", x, x * positive(1, 1, 1, 2)),
        (1, 3, 4, 2),
    ),
    "two inputs": (
        lambda x, y: F.conv(x, positive(3, 3, 2, 2)) + y[:, None, None, :],
        IMAGE,
        (1, 2),
    ),
    "updated": (lambda x: lax.dynamic_update_slice(x, x[:, 5:7] * 2.0, (0, 2, 0, 0)), IMAGE),
    "branches": (
        lambda x, y: lax.cond(y > 0, lambda x: x[:, :3] * y, lambda x: x[:, 2:5], x),
        IMAGE,
        (),
    ),
    "recurrence": (turns, IMAGE),
    "residual": (block, (1, 9, 9, 2)),
    "u-net": (u_net, (1, 6, 6, 2)),
}
# Where what is seen is more than what there is a derivative by.
BEYOND = {"branches"}


def support(f, shapes):
    """For each input, which of its elements each output element depends on."""
    arrays = [positive(*shape, seed=1 + i) for i, shape in enumerate(shapes)]
    output = jax.eval_shape(f, *arrays)
    with F.using(algorithm="xla"):
        jacobians = jax.jit(jax.jacfwd(f, argnums=tuple(range(len(arrays)))))(*arrays)
    return [
        (np.asarray(jacobian) != 0).reshape(output.shape + array.shape)
        for jacobian, array in zip(jacobians, arrays)
    ]


def hull(depends, rank, axis):
    """The least and the largest place on an input axis that each output element depends on."""
    others = tuple(a for a in range(rank, depends.ndim) if a != rank + axis)
    depends = depends.any(others)
    n = depends.shape[-1]
    low = np.where(depends.any(-1), depends.argmax(-1), NO_LOW)
    high = np.where(depends.any(-1), n - 1 - depends[..., ::-1].argmax(-1), NO_HIGH)
    return low, high


@pytest.mark.parametrize("name", CASES)
def test_intervals_are_those_of_the_jacobian(name):
    f, *shapes = CASES[name]
    program = trace(f, *(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes))
    (output,) = program.outputs.values()
    walked = walk(program)
    sight = walked.of(output)
    assert not walked.doubts
    for number, (shape, depends) in enumerate(zip(shapes, support(f, shapes))):
        for axis in range(len(shape)):
            low, high = hull(depends, len(output.shape), axis)
            field = sight[number, axis]
            assert field.exact
            if name in BEYOND:
                assert (field.low <= low).all()
                assert (field.high >= high).all()
                continue
            np.testing.assert_array_equal(np.broadcast_to(field.low, output.shape), low)
            np.testing.assert_array_equal(np.broadcast_to(field.high, output.shape), high)


# Where an element's place is not that of a window: ends that meet, uneven steps, parts hidden.
BENT = {"conv, circular", "conv, reflect", "rolled", "updated", "upsample by corners"}
BENT |= {"branches", "triangle", "some of the patches", "patches after another"}


@pytest.mark.parametrize("name", sorted(CASES.keys() - BENT))
def test_nominal_fields_hold_the_intervals(name):
    f, *shapes = CASES[name]
    program = trace(f, *(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes))
    (output,) = program.outputs.values()
    for (number, axis), field in walk(program).of(output).items():
        nominal, n = field.nominal, shapes[number][axis]
        if nominal is None or nominal.whole:
            continue
        start = np.zeros(output.shape)
        for unit in np.ndindex(output.shape):
            start[unit] = nominal.start_of(unit)
        end = start + float(nominal.size) - 1
        sees = field.low <= field.high
        # Units in different phases see elements beside the place that is right on average.
        phase = 0 if all(isinstance(s, int) for s in (nominal.start, *nominal.steps)) else 1
        assert (~sees | ((field.low >= start - phase) & (field.high <= end + phase))).all()
        if not phase:
            inner = sees & (start >= 0) & (end < n)
            assert (~inner | (field.low == start)).all()
            assert (~inner | (field.high == end)).all()
