"""Sentences that a captioner says of scenes, and pictures of them and of where its words look."""

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnn_jax.data.scenes import Language
from cnn_jax.models import Captioner
from cnn_jax.tasks import captioning
from experiments.drawing import plots

AT_ONCE = 32  # scenes
ACROSS, DOWN = 4, 2
EXAMPLES = 4  # scenes of which it is shown where each word looks
MOST = 10  # words of those sentences, their end included


def said(model: Captioner, images: np.ndarray, length: int, beams: int) -> dict[str, np.ndarray]:
    """Find the likeliest sentence of each image.

    Args:
        model: in evaluation mode.
        images: (n, height, width, channels), n a multiple of 32.
        length: of the longest sentence, its end included.
        beams: see `captioning.beam_search`.

    Returns:
        `words`, (n, length), and `probability`, (n,), of these sentences.
    """

    @jax.jit
    def best(images):
        memory = model.encode(images)["memory"]

        def logits_of(words):
            again = jnp.broadcast_to(memory[:, None], (*words.shape[:2], *memory.shape[1:]))
            return model.decode(again, words[..., :-1])["logits"]

        found = partial(captioning.beam_search, n=len(images), length=length, width=beams)
        words, log_p = found(logits_of)
        return {"words": words[:, 0], "probability": jnp.exp(log_p[:, 0])}

    parts = [jax.device_get(best(part)) for part in np.split(images, len(images) // AT_ONCE)]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def captions(
    file: Path, held_out: Mapping[str, Any], found: Mapping[str, Any], language: Language
) -> None:
    """Draw scenes and their sentences: long ones that are right above, the worst below.

    The worst are those that are wrong though the network is sure.

    Args:
        file: to write.
        held_out: `image`, in [-2, 2], and `words`, as NumPy arrays.
        found: from `said`.
        language: of the words.
    """
    right = captioning.exact_match(found["words"], held_out["words"])
    best, worst = _longest(found["words"], right), np.argsort(-found["probability"], kind="stable")
    each = ACROSS * DOWN
    chosen = [*best[:each], *worst[~right[worst]][:each]]
    figure = Figure(figsize=(2.6 * ACROSS, 3 * 2 * DOWN), layout="constrained")
    grid = figure.subplots(2 * DOWN, ACROSS)
    for axes in grid.ravel():
        axes.axis("off")
    places = [*grid[:DOWN].ravel()[: len(best[:each])], *grid[DOWN:].ravel()]
    for axes, scene in zip(places, chosen):
        axes.imshow(_picture(held_out["image"][scene]))
        lines = [f"{language.text(found['words'][scene])} ({found['probability'][scene]:.2f})"]
        if not right[scene]:
            lines.append(f"true: {language.text(held_out['words'][scene])}")
        text = "\n".join(textwrap.fill(line, 32) for line in lines)
        axes.set_title(text, fontsize=8, color="tab:green" if right[scene] else "tab:red")
    figure.suptitle(
        f"green: right, {right.mean():.0%} of all; red: wrong; in brackets: the probability",
        fontsize=9,
    )
    plots.save(figure, file)


def looking(
    file: Path,
    model: Captioner,
    held_out: Mapping[str, Any],
    found: Mapping[str, Any],
    language: Language,
) -> None:
    """Draw where each word of a few right sentences looks, and which words before it it uses.

    If none is right, those that are wrong.

    Args:
        file: to write.
        model: in evaluation mode.
        held_out: see `captions`.
        found: from `said`.
        language: of the words.
    """
    right = captioning.exact_match(found["words"], held_out["words"])
    lengths = (found["words"] != captioning.END).sum(1) + 1
    fits = right & (lengths <= MOST)
    chosen = _longest(found["words"], fits if fits.any() else lengths > 0)[:EXAMPLES]
    figure = Figure(figsize=(1.3 * (MOST + 3), 1.75 * len(chosen)), layout="constrained")
    grid = figure.subplots(
        len(chosen), MOST + 2, squeeze=False, width_ratios=[1] * (MOST + 1) + [2]
    )
    looks, uses = _looks(model, held_out["image"][chosen], found["words"][chosen])
    for line, scene, look, use in zip(grid, chosen, looks, uses):
        for axes in line:
            axes.axis("off")
        picture, count = _picture(held_out["image"][scene]), min(lengths[scene], MOST)
        line[0].imshow(picture)
        said_words = [language.vocabulary[word] or "(end)" for word in found["words"][scene]][
            :count
        ]
        for axes, word, where in zip(line[1:], said_words, look):
            _seen(axes, picture, where, word)
        _used(line[-1], use[:count, :count], said_words)
    figure.suptitle(
        f"where each word looks (mean of the blocks); right: how much a word (row) depends on one "
        f"before it (column), of the {model.receptive_field - 1} before it at most",
        fontsize=9,
    )
    plots.save(figure, file)


def _looks(model: Captioner, images: np.ndarray, words: np.ndarray) -> tuple[Any, Any]:
    """Where words look, (n, length, h, w), and how much each depends on each, (n, length, length).

    That is how far the word's probabilities move, as a sum of half the absolute differences, when
    another word is taken from what it sees.
    """

    @jax.jit
    def of(image, words):
        maps = model.feature_maps(image[None], words[None, :-1])
        looks = [maps[f"look{i}"][0] for i in range(1, model.layers + 1)]
        length = len(words)
        without = jnp.where(jnp.eye(length, dtype=bool), captioning.END, words[None])[:, :-1]
        memory = jnp.broadcast_to(maps["memory"], (length, *maps["memory"].shape[1:]))
        changed = jax.nn.softmax(model.decode(memory, without)["logits"])
        moved = jnp.abs(changed - jax.nn.softmax(maps["logits"])).sum(-1) / 2
        return sum(looks) / len(looks), moved.T

    found = [jax.device_get(of(*both)) for both in zip(images, words)]
    looks, uses = zip(*found)
    return looks, uses


def _seen(axes: Axes, picture: np.ndarray, look: np.ndarray, word: str) -> None:
    """Draw a picture bright where a word looks."""
    height, width = picture.shape[:2]
    axes.imshow(picture.mean(-1), cmap="gray", vmin=0, vmax=1)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    shares = look / look.max()
    axes.imshow(shares, cmap="inferno", extent=extent, alpha=0.65, interpolation="bilinear")
    axes.set_title(word, fontsize=9)


def _used(axes: Axes, use: np.ndarray, words: Sequence[str]) -> None:
    """Draw how much each word depends on those before it."""
    axes.axis("on")
    future = np.triu(np.ones_like(use, bool))
    axes.imshow(np.ma.masked_array(use, future), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(words)), words, rotation=90, fontsize=6)
    axes.set_yticks(range(len(words)), words, fontsize=6)


def _longest(words: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The places of those chosen, each sentence once, the longest first."""
    places = np.flatnonzero(chosen)
    _, first = np.unique(words[places], axis=0, return_index=True)
    places = places[np.sort(first)]
    return places[np.argsort(-(words[places] != captioning.END).sum(1), kind="stable")]


def _picture(image: np.ndarray) -> np.ndarray:
    return np.clip((np.asarray(image) + 2) / 4, 0, 1)
