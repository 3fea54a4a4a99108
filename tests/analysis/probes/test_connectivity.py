"""Connectivity against the Jacobian's support, and against counts done by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from cnn_jax import functional as F
from cnn_jax import nn
from cnn_jax.analysis import connectivity


def weights(*shape):
    """Positive and different, so that nothing cancels; captured, not computed while tracing."""
    with jax.ensure_compile_time_eval():
        return jax.random.uniform(jax.random.key(len(shape)), shape, minval=0.5, maxval=1.5)


def layer(make, *args, **options):
    return make(*args, rngs=nnx.Rngs(0), use_bias=False, **options)


def loop(x):
    def body(carry, row):
        carry = carry + row
        return carry, carry * 2

    return lax.scan(body, jnp.zeros(3), x)[1]


# Linear in x with positive weights, or monotone: where the derivative is zero nothing is seen.
CASES = {
    "conv": (lambda x: F.conv(x, weights(3, 2, 2)), (6, 2)),
    "strided, padded": (lambda x: F.conv(x, weights(3, 3, 1, 2), stride=2, padding=1), (5, 6, 1)),
    "dilated": (lambda x: F.conv(x, weights(3, 1, 2), dilation=2, padding="SAME"), (2, 7, 1)),
    "groups": (lambda x: F.conv(x, weights(2, 2, 4), groups=2), (4, 4)),
    "depthwise": (lambda x: F.depthwise_conv(x, weights(3, 1, 3)), (5, 3)),
    "local": (lambda x: F.conv_local(x, weights(4, 3, 2, 1)), (6, 2)),
    "transposed": (lambda x: F.conv_transpose(x, weights(3, 2, 1), stride=2), (4, 1)),
    "circular": (lambda x: F.conv(x, weights(3, 1, 1), padding=1, padding_mode="circular"), (5, 1)),
    "reflect": (lambda x: F.conv(x, weights(3, 1, 1), padding=1, padding_mode="reflect"), (5, 1)),
    "separable": (
        lambda x: F.separable_conv(x, weights(3, 1, 2), weights(1, 2, 3)),
        (5, 2),
    ),
    "two layers": (
        lambda x: F.conv(F.conv(x, weights(3, 1, 2)), weights(2, 2, 1), stride=2),
        (8, 1),
    ),
    "residual": (lambda x: x + F.conv(x, weights(3, 1, 1), dilation=2, padding=2), (7, 1)),
    "dense": (lambda x: jnp.tanh(x @ weights(4, 3)), (2, 4)),
    "einsum": (lambda x: jnp.einsum("hwc,wo->hco", x, weights(3, 2)), (2, 3, 2)),
    "avg pool": (lambda x: F.avg_pool(x, (2, 3), stride=1), (4, 4, 2)),
    "global": (lambda x: F.global_avg_pool(x, spatial_rank=1), (2, 4, 2)),
    "blur pool": (lambda x: F.blur_pool(x, (3,)), (6, 1)),
    "upsample": (lambda x: F.upsample(x, (2,)), (3, 2)),
    "linear upsample": (lambda x: F.upsample(x, (2,), method="linear"), (4, 1)),
    "to depth": (lambda x: F.space_to_depth(x, (2, 2)), (4, 2, 1)),
    "masked": (lambda x: x @ jnp.where(np.tri(4, dtype=bool), weights(4, 4), 0.0), (2, 4)),
    "masked by a product": (lambda x: x @ (weights(4, 4) * np.tri(4, dtype=np.float32)), (4,)),
    "cumulative": (lambda x: jnp.cumsum(x, axis=0), (4, 2)),
    "reversed": (lambda x: lax.cumsum(x, 0, reverse=True)[::2], (5, 1)),
    "concatenated": (lambda x: jnp.concatenate([x[::-1], 2 * x[1:]], axis=0).T, (4, 2)),
    "set": (lambda x: jnp.zeros((5, 2)).at[1:4].set(x).at[2].add(x[0]), (3, 2)),
    "stacked": (lambda x: jnp.stack([x, 2 * x[::-1]], axis=1), (3, 2)),
    "unstacked, tiled": (lambda x: jnp.tile(jnp.unstack(x, axis=1)[1], 2), (3, 2)),
    "taken": (lambda x: jnp.take(x, np.array([3, 0, 0]), axis=0), (4, 2)),
    "scan": (loop, (4, 3)),
    "normalized": (lambda x: x / jnp.sqrt((x**2).sum(-1, keepdims=True) + 1), (2, 3)),
    "nothing": (lambda x: jnp.ones((2,)) + 0 * lax.stop_gradient(weights(2)), (3,)),
}


@pytest.mark.parametrize("name", CASES)
def test_is_the_support_of_the_jacobian(name):
    f, shape = CASES[name]
    x = jax.random.uniform(jax.random.key(1), shape, minval=0.1, maxval=1.0)
    found = connectivity(f, shape)
    with F.using(algorithm="xla"):
        jacobian = jax.jit(jax.jacfwd(f))(x).reshape(-1, x.size)
    assert not found.remarks
    np.testing.assert_array_equal(found.matrix, np.asarray(jacobian) != 0)


def test_several_inputs_and_outputs_stand_one_after_the_other():
    def f(x, y):
        return {"sum": x.sum(0) + y, "first": x[:1]}

    found = connectivity(f, (2, 3), (3,))
    x, y = jax.random.normal(jax.random.key(0), (2, 3)), jnp.arange(3.0)
    blocks = jax.jacobian(f, argnums=(0, 1))(x, y)
    flat = [
        np.concatenate([np.asarray(b).reshape(-1, s) for b, s in zip(blocks[path], (6, 3))], axis=1)
        for path in found.outputs
    ]
    assert found.outputs == {"first": (1, 3), "sum": (3,)}
    assert found.inputs == ((2, 3), (3,))
    np.testing.assert_array_equal(found.matrix, np.concatenate(flat) != 0)


def test_max_pools_see_their_windows_whichever_wins():
    found = connectivity(lambda x: F.max_pool(x, (2,), stride=1, dilation=2), (5, 1))
    assert found.matrix.astype(int).tolist() == [[1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1]]
    assert connectivity(jax.nn.relu, (3,)).matrix.tolist() == np.eye(3, dtype=bool).tolist()


def test_full_local_and_convolutional_layers_share_more_and_more():
    conv = connectivity(layer(nn.Conv, 1, 1, (3,), padding=1), (6, 1))
    local = connectivity(layer(nn.ConvLocal, 1, 1, (3,), padding=1, input_size=6), (6, 1))
    dense = connectivity(layer(nnx.Linear, 6, 6), (6,))
    band = np.abs(np.subtract.outer(np.arange(6), np.arange(6))) <= 1
    assert dense.matrix.all()
    assert np.array_equal(local.matrix, band)
    assert np.array_equal(conv.matrix, band)

    (kernel,) = conv.layers
    assert (kernel.path, kernel.weights, kernel.connections) == ("kernel", 3, 16)
    assert kernel.uses.ravel().tolist() == [5, 6, 5]
    (unshared,) = local.layers
    assert (unshared.weights, unshared.connections) == (16, 16)
    (full,) = dense.layers
    assert (full.weights, full.connections) == (36, 36)

    offsets = np.subtract.outer(np.arange(6), np.arange(6))
    np.testing.assert_array_equal(conv.weights, np.where(band, 1 - offsets, -1))
    np.testing.assert_array_equal(dense.weights, np.arange(36).reshape(6, 6).T)
    assert np.unique(local.weights[band]).size == 16
    assert (local.weights[~band] == -1).all()


KERNELS = {
    "conv": (3, 2, 2),
    "strided, padded": (3, 3, 1, 2),
    "dilated": (3, 1, 2),
    "groups": (2, 2, 4),
    "depthwise": (3, 1, 3),
    "local": (4, 3, 2, 1),
    "circular": (3, 1, 1),
}


@pytest.mark.parametrize("name", KERNELS)
def test_the_weight_of_each_connection_rebuilds_the_layer(name):
    f, shape = CASES[name]
    found = connectivity(f, shape)
    x = jax.random.normal(jax.random.key(2), shape)
    flat = np.asarray(weights(*KERNELS[name])).ravel()
    matrix = np.where(found.weights >= 0, flat[found.weights], 0)
    np.testing.assert_allclose(matrix @ x.ravel(), f(x).ravel(), rtol=1e-5, atol=1e-5)


def test_connections_are_multiplications_without_those_by_padding():
    kernel = weights(3, 3, 2, 4)
    found = connectivity(lambda x: F.conv(x, kernel, stride=2, padding=2, dilation=2), (7, 6, 2))
    inside = F.conv(jnp.ones((7, 6, 2)), jnp.ones_like(kernel), stride=2, padding=2, dilation=2)
    assert found.layers[0].connections == int(inside.sum())


def test_weights_after_casts_scales_and_masks_are_still_weights():
    def f(params, x):
        size = jnp.sqrt((params["v"] ** 2).sum(0, keepdims=True))
        kernel = params["v"] / size * params["g"][None] * np.tri(4, dtype=np.float32)
        return x.astype(jnp.bfloat16) @ kernel.astype(jnp.bfloat16)

    found = connectivity(f, (2, 4), params={"v": weights(4, 4), "g": weights(4)})
    (layer,) = found.layers
    assert (layer.path, layer.weights, layer.connections) == ("v", 10, 20)
    expected = np.where(np.tri(4) > 0, np.arange(16).reshape(4, 4), -1).T
    np.testing.assert_array_equal(found.weights[:4, :4], expected)


def test_weights_that_mix_parameters_are_said_not_to_be_counted():
    def f(params, x):
        return x @ (params["a"] @ params["b"])

    found = connectivity(f, (3,), params={"a": weights(3, 2), "b": weights(2, 4)})
    assert found.matrix.all()
    assert not found.layers
    assert any("connections are not counted" in text for text in found.remarks)


def test_two_layers_have_no_one_weight_to_a_connection():
    def f(x):
        return F.conv(F.conv(x, weights(3, 1, 2)), weights(2, 2, 1))

    found = connectivity(f, (7, 1))
    assert found.weights is None
    assert [(layer.weights, layer.connections) for layer in found.layers] == [(6, 30), (4, 16)]


def test_weights_used_twice_are_counted_once():
    kernel = jnp.asarray(weights(3, 1, 1))
    found = connectivity(lambda x: F.conv(F.conv(x, kernel), kernel), (7, 1))
    assert found.weights is None
    assert [(layer.weights, layer.connections) for layer in found.layers] == [(3, 15 + 9)]


def test_a_padded_edge_meets_several_weights_and_has_none_of_its_own():
    kernel = weights(3, 1, 1)
    found = connectivity(lambda x: F.conv(x, kernel, padding=1, padding_mode="replicate"), (5, 1))
    assert found.weights is None
    assert found.layers[0].uses.ravel().tolist() == [5, 5, 5]


def shifted(carry):
    return carry + jnp.abs(jnp.roll(carry, 1)) + 0.5


@pytest.mark.parametrize(
    ("f", "shape", "remark"),
    [
        (lambda x: jnp.linalg.inv(x), (3, 3), "every element of what it reads"),
        (
            lambda x: lax.while_loop(lambda c: c[0] < 3, shifted, x),
            (3,),
            "`while`",
        ),
        (lambda x: x[jnp.argmax(x)] + jnp.zeros(2), (3,), "every element of what it reads"),
        (lambda x: lax.scan(lambda c, r: (c, r @ weights(2, 2)), 0, x)[1], (3, 2), "not counted"),
    ],
)
def test_says_where_it_stops_being_exact(f, shape, remark):
    found = connectivity(f, shape)
    assert any(remark in text for text in found.remarks), found.remarks
    x = jax.random.normal(jax.random.key(0), shape)
    jacobian = np.asarray(jax.jacfwd(f)(x)).reshape(-1, x.size)
    assert not (jacobian[~found.matrix] != 0).any()


def test_a_branch_by_data_is_the_union_of_its_branches():
    def f(x):
        return lax.cond(x[0] > 0, lambda: x[1:3], lambda: x[2:4])

    expected = [[1, 1, 1, 0], [1, 0, 1, 1]]
    assert connectivity(f, (4,)).matrix.astype(int).tolist() == expected


def test_needs_no_arrays():
    model = nnx.eval_shape(lambda: nn.Conv(1, 2, (3,), rngs=nnx.Rngs(0)))
    assert connectivity(model, (5, 1)).connected == 3 * 3 * 2


def test_too_large_inputs_are_refused_with_a_size_that_would_do():
    def f(x):
        return F.avg_pool(x, (2, 2), stride=1)

    rule = r"3,072 elements times the 3,072 .* 4,000,000 at most"
    with pytest.raises(ValueError, match=rule) as error:
        connectivity(f, (32, 32, 3))
    enough = int(str(error.value).split("about ")[1].split(" ")[0].replace(",", ""))
    assert connectivity(f, (2, enough // 6, 3)).connected > 0
