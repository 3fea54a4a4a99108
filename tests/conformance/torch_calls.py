"""What ours are compared with: a generator of cases for each function of torch.nn.functional."""

import math

import jax
import numpy as np

from cnn_jax import functional as F

from .torch_case import (
    TF,
    Case,
    channels,
    choice,
    convolution_shapes,
    first,
    function,
    ints,
    last,
    one,
    spatial_for,
    torch,
    weight,
)


def conv(rng, rank):
    window, stride, dilation = (ints(rng, rank, 1, 3) for _ in range(3))
    into, out, groups = channels(rng)
    padding = ints(rng, rank, 0, 2)
    spatial = spatial_for(rng, window, dilation, padding)
    if rng.random() < 0.2:
        padding, stride = "same", (1,) * rank
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes = convolution_shapes(rng, spatial, window, into, out, groups)

    def ours(x, kernel, *bias):
        return F.conv(x, kernel, *bias, **options)

    def theirs(x, kernel, *bias):
        return last(function("conv", rank)(first(x), weight(kernel), *bias, **options))

    return Case(options, shapes, ours, theirs, 2 * math.prod(spatial) * into * out)


def conv_padding_mode(rng, rank):
    window, stride, dilation = (ints(rng, rank, 1, 3) for _ in range(3))
    into, out, groups = channels(rng)
    padding = ints(rng, rank, 1, 3)
    spatial = spatial_for(rng, window, dilation, padding, least=4)
    mode = choice(rng, ("reflect", "replicate", "circular"))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    options |= {"padding_mode": mode}
    shapes = convolution_shapes(rng, spatial, window, into, out, groups)
    module = getattr(torch.nn, f"Conv{rank}d")(
        into, out, window, **options, bias=len(shapes) == 3, device="meta"
    )

    def ours(x, kernel, *bias):
        return F.conv(x, kernel, *bias, **options)

    def theirs(x, kernel, *bias):
        parameters = dict(zip(("weight", "bias"), (weight(kernel), *bias)))
        return last(torch.func.functional_call(module, parameters, (first(x),)))

    return Case(options, shapes, ours, theirs, 8 * math.prod(spatial) * into * out)


def depthwise_conv(rng, rank):
    window, stride, dilation = (ints(rng, rank, 1, 3) for _ in range(3))
    width, multiplier, padding = one(rng, 1, 4), one(rng, 1, 3), ints(rng, rank, 0, 2)
    spatial = spatial_for(rng, window, dilation, padding)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    shapes = ((2, *spatial, width), (*window, 1, width * multiplier), (width * multiplier,))

    def ours(x, kernel, bias):
        return F.depthwise_conv(x, kernel, bias, **options)

    def theirs(x, kernel, bias):
        call = function("conv", rank)
        return last(call(first(x), weight(kernel), bias, **options, groups=width))

    return Case(options, shapes, ours, theirs, 2 * math.prod(spatial) * multiplier)


def conv_transpose(rng, rank):
    window, stride, dilation = (ints(rng, rank, 1, 3) for _ in range(3))
    into, out, groups = channels(rng)
    output_padding = tuple(one(rng, 0, max(s, d) - 1) for s, d in zip(stride, dilation))
    padding = tuple(one(rng, 0, min(2, (w - 1) * d // 2)) for w, d in zip(window, dilation))
    positions = ints(rng, rank, 1, 5)
    options = {"stride": stride, "padding": padding, "output_padding": output_padding}
    options |= {"dilation": dilation, "groups": groups}
    bias = ((into,),) if rng.random() < 0.5 else ()
    shapes = ((2, *positions, out), (*window, into // groups, out), *bias)

    def ours(y, kernel, *bias):
        return F.conv_transpose(y, kernel, *bias, **options)

    def theirs(y, kernel, *bias):
        return last(function("conv_transpose", rank)(first(y), weight(kernel), *bias, **options))

    reach = [n * s + w * d for n, s, w, d in zip(positions, stride, window, dilation)]
    return Case(options, shapes, ours, theirs, 2 * math.prod(reach) * into * out)


def pooling(rng, rank, dilated):
    """A window and the options that pools share."""
    window = ints(rng, rank, 1, 3 if rank == 3 else 4)
    dilation = ints(rng, rank, 1, 3) if dilated else (1,) * rank
    padding = tuple(one(rng, 0, w // 2) for w in window)
    # avg_pool3d refuses an image smaller than the window, whatever the padding. And dilation over
    # the image's size would give windows of nothing but padding, where PyTorch's gradient is wrong.
    fitted = padding if dilated else (0,) * rank
    spatial = spatial_for(rng, window, dilation, fitted, least=max(dilation))
    x = (2, *spatial, one(rng, 1, 3))
    options = {"stride": choice(rng, (None, ints(rng, rank, 1, 3))), "padding": padding}
    options |= {"ceil_mode": rng.random() < 0.5} | ({"dilation": dilation} if dilated else {})
    return window, x, options


def max_pool(rng, rank):
    window, x, options = pooling(rng, rank, dilated=True)

    def ours(x):
        return F.max_pool(x, window, **options)

    def theirs(x):
        return last(function("max_pool", rank)(first(x), window, **options))

    numbers = choice(rng, ("normal", "ties"))
    return Case({"window": window} | options, (x,), ours, theirs, math.prod(window), numbers)


def max_pool_with_indices(rng, rank):
    window, x, options = pooling(rng, rank, dilated=True)

    def ours(x):
        return F.max_pool_with_indices(x, window, **options)

    def theirs(x):
        return map(last, function("max_pool", rank)(first(x), window, **options, return_indices=1))

    numbers = choice(rng, ("normal", "ties"))
    return Case({"window": window} | options, (x,), ours, theirs, math.prod(window), numbers)


def max_unpool(rng, rank):
    """Windows do not overlap: their indices are distinct, and so the gradient is one."""
    window = ints(rng, rank, 1, 3)
    x = (2, *(w * n + one(rng, 0, w - 1) for w, n in zip(window, ints(rng, rank, 1, 3))), 2)
    numbers = np.random.default_rng(one(rng, 0, 9999)).standard_normal(x).astype(np.float32)
    y, indices = map(
        last, function("max_pool", rank)(first(torch.tensor(numbers)), window, return_indices=True)
    )

    def ours(y):
        return F.max_unpool(y, indices.numpy().astype(np.int32), x[1:-1])

    def theirs(y):
        call = function("max_unpool", rank)
        return last(call(first(y), first(indices), window, output_size=x[1:-1]))

    return Case({"window": window, "spatial": x[1:-1]}, (tuple(y.shape),), ours, theirs, 1)


def avg_pool(rng, rank):
    window, x, options = pooling(rng, rank, dilated=False)
    options |= {"count_include_pad": rng.random() < 0.5}

    def ours(x):
        return F.avg_pool(x, window, **options)

    def theirs(x):
        return last(function("avg_pool", rank)(first(x), window, **options))

    return Case({"window": window} | options, (x,), ours, theirs, math.prod(window))


def lp_pool(rng, rank):
    """PyTorch raises x, not |x|, to the power p: only positive numbers to odd powers."""
    window, x, options = pooling(rng, rank, dilated=False)
    p = choice(rng, (1.0, 2.0, 3.0, 4.0, 2.5))
    stride = {"stride": options["stride"]}

    def ours(x):
        return F.lp_pool(x, window, p=p, **stride)

    def theirs(x):
        # lp_pool1d takes no tuple.
        size = window[0] if rank == 1 else window
        return last(function("lp_pool", rank)(first(x), p, size, **stride))

    numbers = "normal" if p in (2, 4) else "positive"
    options = {"p": p, "window": window} | stride
    return Case(options, (x,), ours, theirs, 4 * math.prod(window), numbers)


def adaptive(name):
    def adaptive_pool(rng, rank):
        x = (2, *ints(rng, rank, 1, 9), one(rng, 1, 3))
        size = tuple(choice(rng, (None, *range(1, n), n + 1, n + 2)) for n in x[1:-1])

        def ours(x):
            return getattr(F, name)(x, size)

        def theirs(x):
            spatial = tuple(n if s is None else s for n, s in zip(x.shape[1:], size))
            return last(function(name, rank)(first(x), spatial))

        return Case({"output_size": size}, (x,), ours, theirs, 3 * math.prod(x[1:-1]))

    return adaptive_pool


def fractional_max_pool(rng, rank):
    window = ints(rng, rank, 1, 2 if rank == 3 else 3)
    size = ints(rng, rank, 1, 5)
    # PyTorch's of three axes refuses an exact fit.
    x = (2, *(w + s - 1 + one(rng, rank - 2, 5) for w, s in zip(window, size)), 2)
    seed = one(rng, 0, 9999)

    def ours(x):
        return F.fractional_max_pool(jax.random.key(seed), x, window, output_size=size)

    def theirs(x):
        samples = np.array(jax.random.uniform(jax.random.key(seed), (2, 2, rank)))
        # PyTorch takes the samples of two axes as (width, height), of three as (t, h, w).
        samples = torch.tensor(samples[..., ::-1].copy() if rank == 2 else samples)
        call = function("fractional_max_pool", rank)
        return last(call(first(x), window, output_size=size, _random_samples=samples))

    options = {"window": window, "output_size": size, "seed": seed}
    return Case(options, (x,), ours, theirs, math.prod(window))


def unfold(rng, rank):
    window, stride, dilation = (ints(rng, rank, 1, 3) for _ in range(3))
    padding = ints(rng, rank, 0, 2)
    x = (2, *spatial_for(rng, window, dilation, padding), one(rng, 1, 3))
    options = {"stride": stride, "padding": padding, "dilation": dilation}

    def ours(x):
        return F.unfold(x, window, **options)

    def theirs(x):
        columns = TF.unfold(first(x), window, **options)
        return (
            columns.unflatten(1, (x.shape[-1], math.prod(window)))
            .movedim((3, 2, 1), (1, 2, 3))
            .unflatten(1, positions(x.shape[1:-1], window, **options))
        )

    return Case({"window": window} | options, (x,), ours, theirs, math.prod(window))


def positions(spatial, window, stride, padding, dilation):
    """How many windows there are on each axis."""
    axes = zip(spatial, window, stride, padding, dilation)
    return tuple((n + 2 * p - (w - 1) * d - 1) // s + 1 for n, w, s, p, d in axes)


def fold(rng, rank):
    window, stride, dilation = (ints(rng, rank, 1, 3) for _ in range(3))
    padding = ints(rng, rank, 0, 2)
    spatial = spatial_for(rng, window, dilation, padding)
    same = {"stride": stride, "padding": padding, "dilation": dilation}
    places = positions(spatial, window, **same)

    def ours(patches):
        return F.fold(patches, spatial, window, **same)

    def theirs(patches):
        columns = patches.flatten(1, 2).movedim((1, 2, 3), (3, 2, 1)).flatten(1, 2)
        return last(TF.fold(columns, spatial, window, **same))

    patches = (2, *places, math.prod(window), one(rng, 1, 3))
    options = {"spatial": spatial, "window": window} | same
    return Case(options, (patches,), ours, theirs, math.prod(window))


def interpolate(mode, method, corners):
    def upsample(rng, rank):
        x = (2, *ints(rng, rank, 1, 7), one(rng, 1, 3))
        scale = tuple(choice(rng, (1.0, 2.0, 3.0, 1.5, 2.5, 1.3, 0.7, 0.5)) for _ in x[1:-1])
        # Nearest on one and three axes: PyTorch's gradient is right for whole sizes only.
        whole = mode == "nearest" and rank != 2
        unfit = [n * s < 1 or (whole and n * s % 1) for n, s in zip(x[1:-1], scale)]
        scale = tuple(2.0 if no else s for no, s in zip(unfit, scale))
        options = {"align_corners": choice(rng, corners)} if corners else {}

        def ours(x):
            return F.upsample(x, scale, method=method, **options)

        def theirs(x):
            return last(TF.interpolate(first(x), scale_factor=scale, mode=mode, **options))

        # Coordinates are rounded: their error grows with the size.
        terms = 10 ** (2 * rank)
        return Case({"scale": scale} | options, (x,), ours, theirs, terms)

    return upsample


def shuffle(name, ours_name):
    def shuffle_pixels(rng, rank):
        factor = one(rng, 1, 4)
        block, depth, spatial = (factor,) * rank, one(rng, 1, 3), ints(rng, rank, 1, 5)
        if name == "pixel_shuffle":
            x = (2, *spatial, depth * factor**rank)
        else:
            x = (2, *(factor * n for n in spatial), depth)

        def ours(x):
            return getattr(F, ours_name)(x, block, order="CRD")

        def theirs(x):
            return last(getattr(TF, name)(first(x), factor))

        return Case({"block": block}, (x,), ours, theirs, 1)

    return shuffle_pixels


def pad(mode):
    def pad_axes(rng, rank):
        spatial = ints(rng, rank, 4, 7)
        low = 0 if mode == "circular" else -1
        padding = tuple(ints(rng, 2, low, 3) for _ in range(rank))
        value = {"value": float(one(rng, -2, 2))} if mode == "constant" else {}
        ours_mode = "zeros" if mode == "constant" else mode

        def ours(x):
            return F.pad(x, padding, padding_mode=ours_mode, **value)

        def theirs(x):
            pairs = [side for pair in reversed(padding) for side in pair]
            return last(TF.pad(first(x), pairs, mode=mode, **value))

        return Case({"padding": padding} | value, ((2, *spatial, 2),), ours, theirs, 7**rank)

    return pad_axes


CORNERS = (False, True)
# By PyTorch's name, with the rank where the braces are; what follows a space is a variant.
GENERATORS = {
    "conv{}d": (conv, (1, 2, 3)),
    "conv{}d padding_mode": (conv_padding_mode, (1, 2, 3)),
    "conv{}d depthwise": (depthwise_conv, (1, 2, 3)),
    "conv_transpose{}d": (conv_transpose, (1, 2, 3)),
    "max_pool{}d": (max_pool, (1, 2, 3)),
    "max_pool{}d_with_indices": (max_pool_with_indices, (1, 2, 3)),
    "max_unpool{}d": (max_unpool, (1, 2, 3)),
    "avg_pool{}d": (avg_pool, (1, 2, 3)),
    "lp_pool{}d": (lp_pool, (1, 2, 3) if hasattr(TF, "lp_pool3d") else (1, 2)),
    "adaptive_avg_pool{}d": (adaptive("adaptive_avg_pool"), (1, 2, 3)),
    "adaptive_max_pool{}d": (adaptive("adaptive_max_pool"), (1, 2, 3)),
    "fractional_max_pool{}d": (fractional_max_pool, (2, 3)),
    "unfold": (unfold, (2,)),
    "fold": (fold, (2,)),
    "interpolate nearest {}d": (interpolate("nearest", "nearest", ()), (1, 2, 3)),
    "interpolate linear {}d": (interpolate("linear", "linear", CORNERS), (1,)),
    "interpolate bilinear {}d": (interpolate("bilinear", "linear", CORNERS), (2,)),
    "interpolate trilinear {}d": (interpolate("trilinear", "linear", CORNERS), (3,)),
    "interpolate bicubic {}d": (interpolate("bicubic", "cubic", CORNERS), (2,)),
    "pixel_shuffle": (shuffle("pixel_shuffle", "depth_to_space"), (2,)),
    "pixel_unshuffle": (shuffle("pixel_unshuffle", "space_to_depth"), (2,)),
    "pad constant {}d": (pad("constant"), (1, 2, 3)),
    "pad reflect {}d": (pad("reflect"), (1, 2, 3)),
    "pad replicate {}d": (pad("replicate"), (1, 2, 3)),
    "pad circular {}d": (pad("circular"), (1, 2, 3)),
}
