"""What pictures contain, and that they are written."""

import itertools

import jax
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from cnn_jax import analysis
from cnn_jax import functional as F

from ..networks import kernel, residual

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (1, 16, 16, 1))


def pool(x):
    return F.max_pool(F.conv(x, kernel(3, 3, 1, 1)), (2, 2))


def line(x):
    return F.conv(x, kernel(3, 1, 1), padding=1)


def on(image):
    return analysis.plot_receptive_field(
        analysis.receptive_field(pool, (1, 32, 24, 1)), image=image
    )


def gradients(scale):
    weights = {f"w{i}": kernel(4) * scale for i in range(3)}

    def product(weights, x):
        for weight in weights.values():
            x = x * weight
        return x.sum()

    return analysis.gradient_norms(product, np.ones(4, np.float32), params=weights)


DRAWN = {
    "field": lambda path: analysis.plot_receptive_field(
        analysis.receptive_field(residual, (1, 32, 32, 1)), path=path
    ),
    "effective": lambda path: analysis.plot_effective_field(
        analysis.effective_receptive_field(pool, (1, 16, 16, 1), key=KEY, samples=2), path=path
    ),
    "equivariance": lambda path: analysis.plot_equivariance(
        analysis.equivariance(pool, X, [0, 1, 2]), path=path
    ),
    "invariance": lambda path: analysis.plot_invariance(
        analysis.invariance(lambda x: pool(x).reshape(1, -1), X, [0, 1]), path=path
    ),
    "by layer": lambda path: analysis.plot_invariance_by_layer(
        analysis.invariance_by_layer(pool, X, [0, 1]), path=path
    ),
    "connectivity": lambda path: analysis.plot_connectivity(
        analysis.connectivity(line, (6, 1)), path=path
    ),
    "gradients": lambda path: analysis.plot_gradient_norms(gradients(1.0), path=path),
    "kernels": lambda path: analysis.plot_kernels(kernel(5, 5, 3, 4), path=path),
    "maps": lambda path: analysis.plot_feature_maps(X, path=path),
    "filtered": lambda path: analysis.plot_filtered(X[0], path=path),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_returned_and_written_and_nothing_stays_open(name, tmp_path):
    path = tmp_path / f"{name}.png"
    figure = DRAWN[name](path)
    assert isinstance(figure, Figure)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert not pyplot.get_fignums()


def test_the_box_is_drawn_where_it_is_with_its_padding():
    field = analysis.receptive_field(residual, (1, 32, 32, 1), unit=(2, 8))
    (ax,) = analysis.plot_receptive_field(field).axes
    boxes = {patch.get_label(): patch.get_bbox().extents for patch in ax.patches}
    ((top, bottom), (left, right)) = field.inputs[0].box[1:3]
    assert top == 0
    np.testing.assert_array_equal(
        boxes["what the unit sees"], [left - 0.5, top - 0.5, right + 0.5, bottom + 0.5]
    )
    assert boxes["padding"][1] == field.inputs[0].padded_box[1][0] - 0.5 < -0.5
    inner = analysis.receptive_field(residual, (1, 32, 32, 1))
    (ax,) = analysis.plot_receptive_field(inner).axes
    assert "padding" not in [patch.get_label() for patch in ax.patches]


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_a_field_is_drawn_on_the_image_which_stays_visible(channels, dtype):
    field = analysis.receptive_field(residual, (1, 32, 24, 1), unit=(2, 8))
    image = np.random.default_rng(0).integers(0, 256, (32, 24, *channels), np.uint8)
    given = image if dtype == np.uint8 else image / 255
    (ax,) = analysis.plot_receptive_field(field, image=given).axes
    (drawn,) = ax.images
    np.testing.assert_allclose(drawn.get_array().reshape(image.shape), image / 255, atol=1e-6)
    assert tuple(drawn.get_extent()) == (-0.5, 23.5, 31.5, -0.5)
    patches = {patch.get_label(): patch for patch in ax.patches}
    assert "image" not in patches
    assert patches["what the unit sees"].get_facecolor()[3] < 0.5
    above = sorted(ax.get_children(), key=lambda artist: artist.zorder)
    order = [above.index(a) for a in (patches["padding"], drawn, patches["what the unit sees"])]
    assert order == sorted(order)
    (bare,) = analysis.plot_receptive_field(field).axes
    assert (ax.get_xlim(), ax.get_ylim()) == (bare.get_xlim(), bare.get_ylim())


def test_an_image_may_be_a_strip_or_of_jax():
    field = analysis.receptive_field(line, (8, 1), unit=(0,))
    (ax,) = analysis.plot_receptive_field(field, image=jax.numpy.eye(1, 8)).axes
    np.testing.assert_array_equal(ax.images[0].get_array(), np.eye(1, 8))


def test_one_axis_is_drawn_too():
    (ax,) = analysis.plot_receptive_field(analysis.receptive_field(line, (8, 1), unit=(0,))).axes
    assert ax.get_title() == "unit (0, 0) sees 3, stride 1"
    found = analysis.effective_receptive_field(line, (9, 1), key=KEY, samples=2)
    (ax,) = analysis.plot_effective_field(found).axes
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, found.inputs[0].magnitude)


def test_the_effective_map_is_the_image():
    found = analysis.effective_receptive_field(pool, (1, 16, 16, 1), key=KEY, samples=2)
    ax, colorbar = analysis.plot_effective_field(found).axes
    np.testing.assert_array_equal(ax.images[0].get_array(), found.inputs[0].magnitude)
    assert colorbar.get_ylabel() == "mean |gradient|"


def test_shifts_on_a_grid_are_a_heat_map_in_order():
    shifts = list(itertools.product([1, 0], [0, 2, 1]))
    found = analysis.equivariance(pool, X, shifts)
    ax, _ = analysis.plot_equivariance(found).axes
    errors = dict(zip(found.shifts, found.errors))
    expected = [[errors[a, b] for b in (0, 1, 2)] for a in (0, 1)]
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1", "2"]
    assert len(ax.texts) == 6


def test_shifts_along_a_line_are_a_curve_with_hollow_points_between_units():
    found = analysis.equivariance(pool, X, [(0, 2), (0, 1), (0, 0)])
    (ax,) = analysis.plot_equivariance(found).axes
    assert ax.get_xlabel() == "shift along axis 2"
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), found.errors[::-1])
    full, hollow = ax.collections
    assert full.get_offsets()[:, 0].tolist() == [2, 0]
    assert hollow.get_offsets()[:, 0].tolist() == [1]
    together = analysis.plot_equivariance(analysis.equivariance(pool, X, [1, 2])).axes[0]
    assert together.get_xlabel() == "shift along all axes at once"


def test_shared_weights_have_one_color_and_holes_none():
    weights = {"kernel": kernel(3, 1, 1)}
    found = analysis.connectivity(
        lambda params, x: F.conv(x, params["kernel"], padding=1), (6, 1), params=weights
    )
    (ax,) = analysis.plot_connectivity(found).axes
    colors = ax.images[-1].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(colors), ~found.matrix)
    diagonals = [set(np.diagonal(colors, k).tolist()) for k in (-1, 0, 1)]
    assert all(len(colors) == 1 for colors in diagonals)
    assert len(set.union(*diagonals)) == 3
    two = analysis.connectivity(lambda x: line(line(x)), (6, 1))
    np.testing.assert_array_equal(
        analysis.plot_connectivity(two).axes[0].images[0].get_array(), two.matrix
    )


def test_gradients_of_several_networks_are_curves_on_a_logarithmic_axis():
    found = {"small": gradients(0.1), "large": gradients(1.0)}
    (ax,) = analysis.plot_gradient_norms(found).axes
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small", "large"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["w0", "w1", "w2"]
    for line, one in zip(ax.lines, found.values()):
        np.testing.assert_array_equal(line.get_ydata(), one.norms)
    (ax,) = analysis.plot_gradient_norms(gradients(0.0), rms=True).axes
    assert np.isnan(ax.lines[0].get_ydata()).all()  # zero has no logarithm
    with pytest.raises(ValueError, match="`found` must hold what `gradient_norms` returns"):
        analysis.plot_gradient_norms({})


def test_kernels_are_in_color_or_one_by_one():
    colored = kernel(5, 5, 3, 4) - 0.01
    axes = analysis.plot_kernels(colored).axes
    assert len(axes) == 4
    tile = axes[2].images[0].get_array()
    scale = np.abs(colored[..., 2]).max()
    np.testing.assert_allclose(tile, 0.5 + 0.5 * colored[..., 2] / scale, rtol=1e-5)
    assert len(analysis.plot_kernels(kernel(5, 5, 2, 4)).axes) == 8
    figure = analysis.plot_kernels(kernel(5, 5, 2, 4), most=3)
    assert len(figure.axes) == 3
    assert figure.get_suptitle() == "the first 3 of 8"


def test_kernels_along_one_axis_are_bars_of_their_height():
    weights = kernel(5, 2, 3)
    axes = analysis.plot_kernels(weights).axes
    assert len(axes) == 6
    heights = [bar.get_height() for bar in axes[3].patches]  # of output 1 from input 1
    np.testing.assert_allclose(heights, weights[:, 1, 1] / np.abs(weights[..., 1]).max(), rtol=1e-5)
    assert axes[3].get_ylim() == axes[0].get_ylim() == (-1.1, 1.1)


def test_feature_maps_of_signals_are_curves_on_one_scale():
    signals = jax.random.normal(KEY, (2, 9, 3))
    axes = analysis.plot_feature_maps(signals, spatial=1, image=1).axes
    for channel, ax in enumerate(axes):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), signals[1, :, channel])
        assert ax.get_ylim() == axes[0].get_ylim()
    assert len(analysis.plot_feature_maps(signals[0], spatial=1, most=2).axes) == 2


def test_each_layer_has_a_curve_and_not_too_many_are_drawn():
    x = jax.random.normal(KEY, (2, 8, 1))
    layers = {f"layer {i}": i for i in range(25)}
    found = analysis.invariance_by_layer(
        lambda x: {name: x[:, : 8 - i // 4] for name, i in layers.items()}, x, [2, 0, 1]
    )
    lines = analysis.plot_invariance_by_layer(found).axes[0].lines
    assert len(lines) == 10
    assert [lines[0].get_label(), lines[-1].get_label()] == ["layer 0", "layer 24"]
    np.testing.assert_array_equal(lines[-1].get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(lines[-1].get_ydata(), found.changes[-1, [1, 2, 0]])


def test_feature_maps_are_those_of_the_image():
    maps = jax.random.normal(KEY, (3, 6, 5, 4))
    axes = analysis.plot_feature_maps(maps, image=2).axes
    for channel, ax in enumerate(axes):
        np.testing.assert_array_equal(ax.images[0].get_array(), maps[2, ..., channel])


def test_filters_find_the_edges_of_a_real_photo():
    photo = analysis.photo()[200:300, 100:220]
    shown = {ax.get_title(): ax.images[0] for ax in analysis.plot_filtered(photo).axes}
    assert list(shown) == ["image", *analysis.FILTERS]
    gray = photo.mean(-1)
    edges = shown["vertical edges"].get_array()[1:-1, 1:-1]
    difference = gray[:, :-2] - gray[:, 2:]
    expected = difference[:-2] + 2 * difference[1:-1] + difference[2:]
    np.testing.assert_allclose(edges, expected, atol=1e-5)
    low, high = shown["vertical edges"].get_clim()
    assert low == -high


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: analysis.plot_kernels(np.ones((3, 3))), r"`kernel` must be .* got shape \(3, 3\)"),
        (
            lambda: analysis.plot_kernels(kernel(3, 1, 2), most=0),
            "`most` must be a positive int; got 0",
        ),
        (lambda: analysis.plot_feature_maps(np.ones(3)), r"`features` must be .* got shape \(3,\)"),
        (
            lambda: analysis.plot_feature_maps(np.ones((3, 3)), spatial=2),
            r"`features` must be \(height, width, channels\) or .* got shape \(3, 3\)",
        ),
        (
            lambda: analysis.plot_feature_maps(np.ones(3), spatial=1),
            r"`features` must be \(time, channels\) or .* got shape \(3,\)",
        ),
        (lambda: analysis.plot_feature_maps(X, spatial=3), "`spatial` must be at most 2; got 3"),
        (lambda: analysis.plot_feature_maps(X, image=1), "`image` must be at most 0; got 1"),
        (lambda: analysis.plot_filtered(np.ones(3)), r"`image` must be .* got shape \(3,\)"),
        (lambda: analysis.plot_filtered(np.ones((9, 9)), {"a": [1.0]}), "`filters` must hold"),
        (
            lambda: analysis.plot_receptive_field(analysis.receptive_field(jax.nn.relu, (3,))),
            "must have a spatial axis to be drawn",
        ),
        (
            lambda: analysis.plot_receptive_field(analysis.receptive_field(line, (8, 1)), number=1),
            "`number` must be at most 0; got 1",
        ),
        *(
            (lambda image=image: on(image), words)
            for image, words in (
                (
                    np.ones((24, 32)),
                    r"`image` must be \(32, 24\), \(32, 24, 1\) or \(32, 24, 3\), as large as the "
                    r"input; got shape \(24, 32\)",
                ),
                (np.ones((32, 24, 2)), r"as large as the input; got shape \(32, 24, 2\)"),
                (np.ones((32, 24), int), "of uint8, or of floats from 0 to 1; got int64"),
                (np.ones((32, 24)) * 255, "floats from 0 to 1; got floats from 255 to 255"),
                (np.full((32, 24), np.nan), "floats from 0 to 1; got floats from nan to nan"),
            )
        ),
        (
            lambda: analysis.plot_equivariance(analysis.equivariance(pool, X, [(0, 1), (1, 2)])),
            "must hold all shifts of a grid",
        ),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("plot_kernels", r"`kernel` must be an array, such as `layer.kernel\[...\]`; got dict"),
        ("plot_feature_maps", "one of those that `trace_features` returns; got dict"),
        ("plot_filtered", "`image` must be an array, such as `photo"),
        ("plot_receptive_field", "must be what `receptive_field` returns; got dict"),
        ("plot_effective_field", "must be what `effective_receptive_field` returns; got dict"),
        ("plot_equivariance", "must be what `equivariance` returns; got dict"),
        ("plot_invariance", "must be what `invariance` returns; got dict"),
        ("plot_invariance_by_layer", "must be what `invariance_by_layer` returns; got dict"),
        ("plot_connectivity", "must be what `connectivity` returns; got dict"),
    ],
)
def test_what_cannot_be_drawn_is_told_what_can(function, words):
    with pytest.raises(TypeError, match=words):
        getattr(analysis, function)({})


def test_an_image_under_a_field_is_an_array():
    with pytest.raises(TypeError, match=r"`image` must be an array, such as `photo.*got str"):
        on("photo.png")


def test_a_field_of_one_axis_is_a_strip_that_can_be_seen():
    """However long the axis: not a line."""
    field = analysis.receptive_field(
        lambda x: F.max_pool(x, (9,), stride=1), (1, 2000, 1), unit=(900,)
    )
    made = analysis.plot_receptive_field(field)
    made.canvas.draw()
    (ax,) = made.axes
    boxes = [patch.get_window_extent() for patch in ax.patches]
    assert min(box.height for box in boxes) > 40
    image = max(boxes, key=lambda box: box.width)
    assert image.width > 300
