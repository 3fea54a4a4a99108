"""The windows of layers, as `summarize` shows them; those of unshared weights among them."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax import lax

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.analysis import receptive_field, summarize


def abstract(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


# Input, window, channels per group and outputs, options.
LOCAL = {
    "plain": ((2, 7, 6, 3), (3, 2), (3, 4), {}),
    "strided": ((1, 8, 9, 2), (3, 3), (2, 5), {"stride": 2, "padding": 1}),
    "strides that leave some over": ((1, 12, 13, 2), (5, 3), (2, 5), {"stride": (3, 2)}),
    "SAME": ((1, 8, 8, 2), (3, 3), (2, 5), {"stride": 2, "padding": "SAME"}),
    "uneven": ((1, 8, 8, 2), (3, 3), (2, 5), {"padding": ((2, 0), (0, 1))}),
    "dilated": ((1, 9, 9, 2), (3, 3), (2, 5), {"dilation": 2, "padding": 2}),
    "grouped": ((2, 6, 6, 4), (3, 3), (2, 6), {"groups": 2}),
    "1-D": ((2, 9, 3), (4,), (3, 2), {"stride": 2, "dilation": 2}),
    "1-D, causal": ((2, 9, 3), (4,), (3, 2), {"padding": "CAUSAL"}),
    "3-D": ((1, 4, 5, 6, 2), (2, 3, 2), (2, 3), {"padding": 1, "stride": (1, 2, 2)}),
    "many images": ((4, 5, 6, 6, 2), (3, 3), (2, 3), {}),
}


@pytest.mark.parametrize("reads", ["the input", "other layers"])
@pytest.mark.parametrize(("shape", "size", "channels", "options"), LOCAL.values(), ids=LOCAL)
def test_a_local_layer_is_shown_as_the_convolution_that_it_unshares(
    shape, size, channels, options, reads
):
    rank = len(size)
    first = jnp.ones((*(2,) * rank, shape[-1], shape[-1]))

    def read(x):
        if reads == "the input":
            return x
        return F.max_pool(F.conv(x, first, padding=((2, 3),) * rank), (2,) * rank, stride=1)

    def conv(kernel, x):
        return F.conv(read(x), kernel, **options)

    def local(kernel, x):
        return F.conv_local(read(x), kernel, **options)

    shared = abstract(*size, *channels)
    y = jax.eval_shape(conv, shared, abstract(*shape))
    positions = y.shape[-rank - 1 : -1]
    expected = summarize(conv, shape, params=shared).rows[-1]
    row = summarize(local, shape, params=abstract(*positions, *shared.shape)).rows[-1]
    assert row.output == y.shape
    assert row.window == size
    # Padding costs a product like any other tap: that it is zero, the product is not told.
    assert row == replace(
        expected,
        name=row.name,
        operation="local conv",
        inputs=row.inputs,
        output=row.output,
        parameters=row.parameters,
        macs_inside=row.macs,
    )


def test_a_local_layer_that_crops():
    def f(kernel, x):
        return F.conv_local(x, kernel, padding=((-1, 0), (0, -2)))

    (row,) = summarize(f, (1, 8, 8, 2), params=abstract(5, 4, 3, 3, 2, 5)).rows
    assert (row.window, row.padding) == ((3, 3), ((-1, 0), (0, -2)))


def test_the_network_of_the_lecture():
    """Local and convolutional units see the same."""
    tables = {}
    for connection in ("local", "convolutional"):
        model = nnx.eval_shape(
            lambda c=connection: models.locally_connected(connection=c, rngs=nnx.Rngs(0))
        )
        tables[connection] = summarize(model, (1, 28, 28, 1)).rows
    local, conv = tables["local"], tables["convolutional"]
    assert [row.operation for row in local] == ["local conv", "local conv", "dense"]
    assert [row.operation for row in conv] == ["conv", "conv", "dense"]
    for mine, its in zip(local, conv):
        assert (mine.window, mine.stride, mine.field) == (its.window, its.stride, its.field)
        assert (mine.output, mine.macs) == (its.output, its.macs)
    assert [row.parameters for row in local] == [29_952, 51_456, 2_570]


def test_local_layers_of_flax():
    """Flax lays the windows out by a convolution with zeros and ones."""
    layer = linen.ConvLocal(3, (3, 3), strides=2)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        variables = jax.eval_shape(layer.init, jax.random.key(0), jnp.zeros((1, 8, 9, 2)))
        summary = summarize(layer.apply, (1, 8, 9, 2), params=variables)
    (row,) = summary.rows
    assert (row.operation, row.output) == ("local conv", (1, 4, 5, 3))
    assert (row.window, row.stride, row.padding) == ((3, 3), (2, 2), ((0, 1), (1, 1)))
    assert row.macs == 4 * 5 * 3 * 3 * 2 * 3  # without those that copy
    assert [(its.size, its.stride) for its in row.field] == [(3, 2), (3, 2)]


def test_heads_are_no_places():
    """A kernel for each head of channels is not local in space, nor after a convolution."""

    def f(kernels, x):
        x = F.conv(x, kernels["conv"], padding=1).reshape(1, 25, 4, 2)
        return jnp.einsum("bphc,hcd->bphd", x, kernels["heads"])

    kernels = {"conv": abstract(3, 3, 3, 8), "heads": abstract(4, 2, 6)}
    _, row = summarize(f, (1, 5, 5, 3), params=kernels).rows
    assert (row.operation, row.window) == ("unshared dense", ())


@pytest.mark.parametrize(
    "laid",
    ["by slices", "by a reshape", "by indices", "by vmap", "by a sum over shifts", "by a stack"],
)
def test_windows_laid_out_by_hand(laid):
    """Dense layers that do what a convolution does: their units see a window of the input."""

    def f(kernel, x):
        if laid == "by slices":
            seen = jnp.concatenate([x[:, t : t + 10 : 3] for t in range(3)], axis=-1)
            return seen @ kernel.reshape(6, 5)
        if laid == "by a sum over shifts":
            return sum(x[:, t : t + 10 : 3] @ kernel[t] for t in range(3))
        if laid == "by a stack":
            seen = jnp.stack([x[:, t : t + 10 : 3] for t in range(3)], axis=2)
        elif laid == "by a reshape":
            seen = x.reshape(1, 4, 3, 2)
        elif laid == "by indices":
            seen = x[:, np.arange(0, 12, 3)[:, None] + np.arange(3)]
        else:
            window = partial(lax.dynamic_slice_in_dim, x, slice_size=3, axis=1)
            seen = jax.vmap(window, out_axes=1)(jnp.arange(0, 12, 3))
        return jnp.einsum("bptc,tcd->bpd", seen, kernel)

    table = summarize(f, (1, 12, 2), params=abstract(3, 2, 5))
    assert [(its.axis, its.size, its.stride) for its in table.rows[-1].field] == [(1, 3, 3)]
    (seen,) = receptive_field(f, (1, 12, 2), params=abstract(3, 2, 5), unit=(0, 2, 0)).inputs
    assert (seen.spatial, seen.box[1]) == ((1,), (6, 8))


def test_a_pixelwise_layer_in_a_row_of_pixels():
    """As a convolution by a window of one, however it is written."""
    kernels = {"conv": abstract(3, 3, 4, 8), "dense": abstract(8, 6)}

    def f(kernels, x):
        y = F.conv(x, kernels["conv"], stride=2, padding=1)
        return (y.reshape(-1, 8) @ kernels["dense"]).reshape(*y.shape[:-1], 6)

    summary = summarize(f, (2, 12, 10, 4), params=kernels)
    fields = [[(its.size, its.stride, its.padding) for its in row.field] for row in summary.rows]
    assert fields == [[(3, 2, 1), (3, 2, 1)]] * 2
    (output,) = summary.outputs.values()
    assert output.field == summary.rows[0].field


def embedded(kernel, x):
    """Patches of 4 x 4 as tokens, as a vision transformer embeds them."""
    x = x.reshape(1, 4, 4, 3, 4, 3).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(1, 12, 48) @ kernel


def test_patches_as_tokens():
    summary = summarize(embedded, (1, 16, 12, 3), params=abstract(48, 8))
    (row,) = summary.rows
    assert [(its.size, its.stride, its.padding) for its in row.field] == [(4, 4, 0)] * 2
    found = receptive_field(embedded, (1, 16, 12, 3), params=abstract(48, 8), unit=(0, 7, 0))
    (seen,) = found.inputs
    # Token 7 of rows of 3 is in row 2, column 1.
    assert seen.box == seen.padded_box == ((0, 0), (8, 11), (4, 7), (0, 2))


@pytest.mark.parametrize("mixes", ["attention", "a dense layer"])
def test_tokens_that_are_mixed_see_themselves_and_all(mixes):
    def f(kernels, x):
        y = embedded(kernels["embedding"], x)
        if mixes == "attention":
            return y + jax.nn.softmax(y @ y.swapaxes(1, 2), axis=-1) @ y
        return y + (y.swapaxes(1, 2) @ kernels["mixing"]).swapaxes(1, 2)

    kernels = {"embedding": abstract(48, 8), "mixing": abstract(12, 12)}
    last = summarize(f, (1, 16, 12, 3), params=kernels).rows[-1]
    assert [(its.size, its.stride, its.whole) for its in last.field] == [(4, 4, True)] * 2
    assert not last.remark
    pooled = summarize(lambda k, x: f(k, x).mean(1), (1, 16, 12, 3), params=kernels).rows[-1]
    assert pooled.operation == "global avg pool"
    assert [(its.size, its.stride) for its in pooled.field] == [(16, None), (12, None)]


def test_words_are_embedded_where_they_stand():
    """A convolution over a text: an index picks a row of the table, and no other place."""
    params = {"table": abstract(50, 8), "kernel": abstract(3, 8, 4)}

    def f(params, words):
        return F.conv(params["table"][words], params["kernel"], padding=1)

    words = jax.ShapeDtypeStruct((2, 16), jnp.int32)
    embedding, conv = summarize(f, words, params=params).rows
    assert (embedding.operation, embedding.parameters) == ("embedding", 400)
    assert [(its.axis, its.size, its.stride) for its in conv.field] == [(1, 3, 1)]
    (seen,) = receptive_field(f, words, params=params, unit=(1, 8, 0)).inputs
    assert seen.box == ((1, 1), (7, 9))


def test_resizing_has_a_field_on_both_axes():
    def f(x):
        return jax.image.resize(x, (1, 16, 24, 4), "bilinear")

    (row,) = summarize(f, (1, 8, 6, 4)).rows
    assert row.operation == "upsample"
    assert [(its.size, its.stride) for its in row.field] == [(2, 0.5), (2, 0.25)]
    # One product for each axis: each number is of 8, or of 6.
    assert row.macs == 4 * (16 * 6 * 8 + 16 * 24 * 6)


# Window, stride, padding, the padding that is shown for 8 elements.
PADDINGS = {
    "the last is met by no window": (3, 2, (1, 1), (1, 1)),
    "nothing of it is needed": (3, 2, (0, 1), (0, 1)),
    "TensorFlow's SAME": (3, 2, "SAME", (0, 1)),
    "elements are left over": (3, 3, (0, 0), (0, 0)),
    "all is met": (3, 2, (1, 2), (1, 2)),
    "two of three at the end are met": (3, 2, (1, 3), (1, 2)),
    "no stride": (3, 1, (0, 2), (0, 2)),
}


@pytest.mark.parametrize(("k", "stride", "padding", "shown"), PADDINGS.values(), ids=PADDINGS)
@pytest.mark.parametrize("by", ["conv", "pool", "lax"])
def test_padding_that_no_window_meets_is_shown_as_it_is_stated(k, stride, padding, shown, by):
    entries = padding if isinstance(padding, str) else (padding,)

    def f(x):
        if by == "conv":
            return F.conv(x, jnp.ones((k, 2, 3)), stride=stride, padding=entries)
        if by == "pool":
            return F.max_pool(x, (k,), stride=stride, padding=entries)
        kernel, numbers = jnp.ones((k, 2, 3)), ("NWC", "WIO", "NWC")
        return lax.conv_general_dilated(x, kernel, (stride,), entries, dimension_numbers=numbers)

    (row,) = summarize(f, (1, 8, 2)).rows
    assert (row.window, row.padding) == ((k,), (shown,))
