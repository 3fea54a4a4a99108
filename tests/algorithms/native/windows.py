"""Drawn windows, and what the oracle calls them."""

from cnn_jax.geometry import Window


def options(window, groups):
    """The options of the oracle's convolutions."""
    return {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "input_dilation": window.base_dilation,
        "groups": groups,
    }


def exact(window, spatial):
    """Whether the window fits into the padded input, and its positions reach the end of it."""
    extra = [n - e for n, e in zip(window.padded_size(spatial), window.extent)]
    return all(e >= 0 and e % s == 0 for e, s in zip(extra, window.stride))


def drawn(random, rank, longest):
    """An exact window, and the lengths of its input: at most `longest`, by rank."""
    while True:
        pick = lambda *choices: tuple(int(random.choice(choices)) for _ in range(rank))  # noqa: E731
        size, stride = pick(1, 1, 2, 3, 3, 4, 5, 7), pick(1, 1, 1, 2, 3)
        dilation, base = pick(1, 1, 1, 2, 3), pick(1, 1, 1, 2, 3, 4)
        padding = tuple(
            tuple(map(int, random.integers(-1, 4, 2))) if random.random() < 0.8 else (0, 0)
            for _ in range(rank)
        )
        spatial = tuple(map(int, random.integers(1, longest[rank] + 1, rank)))
        window = Window(size, stride, padding, dilation, base)
        if exact(window, spatial):
            return window, spatial
