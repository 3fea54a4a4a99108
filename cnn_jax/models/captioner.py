"""Captioner: words by causal convolutions, each of which looks where it likes in the image.

    layer      output                what                                              parameters
    stem       h/2 x w/2 x 24        3x3, stride 2, batch norm, ReLU                          696
    stage1     h/4 x w/4 x 48        1 x [3x3, 3x3], residual, stride 2                    32,544
    stage2     h/8 x w/8 x 96        2 x [3x3, 3x3], residual, the first of stride 2      295,872
    memory     h/8 x w/8 x 98        and the place of each cell, in [-1, 1]                     0
    summary    128                   dense, of the memory's mean                           12,672
    embedded   time x 128            the word before, plus the summary            128 each word
    words1     time x 128            x + y + attention(y), y = GLU(conv(norm(x))),
                                     windows of 3, dilation 1, causal                     140,416
    words2     time x 128            alike, dilation 2                                    140,416
    words3     time x 128            alike, dilation 4                                    140,416
    hidden     time x 128            dense, ReLU                                           16,512
    logits     time x words          dense                                        129 each word
                                                 779,544 and 257 each word: 785,455 for 23 words

Word t is predicted of the image and of the words before it, of so many as the `receptive_field`
says: kernel_size - 1 times the sum of the dilations, and 1, here 15. All words of a sentence are
computed side by side, as when its words are known, in training. The attention of each block is a
softmax over the cells of the memory, of the product of a query (of the word) and a key (of the
cell); `feature_maps` returns it, as it says where the word looks.

As in Aneja et al., words are causal convolutions with gated linear units and attention; there the
encoder is a VGG-16. The dilations are WaveNet's; this encoder, the norms and the places are ours.

References:
    Aneja, Deshpande and Schwing, *Convolutional image captioning*, 2018, arXiv:1711.09151,
    section 4. Van den Oord et al., *WaveNet*, 2016, arXiv:1609.03499. Dauphin et al., *Language
    modeling with gated convolutional networks*, 2016, arXiv:1612.08083.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike, DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F

from .blocks import Style, check_images, last
from .resnet import Residual
from .resnet import Variant as Blocks


def captioner(
    *,
    vocabulary: int,
    in_channels: int = 3,
    widths: Sequence[int] = (24, 48, 96),
    blocks: int = 2,
    channels: int = 128,
    layers: int = 3,
    kernel_size: int = 3,
    kinds: int | None = None,
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "Captioner":
    """Make a captioner.

    ```
    >>> model = captioner(vocabulary=23, rngs=nnx.Rngs(0))
    >>> words = jnp.zeros((1, 13), int)
    >>> model(jnp.zeros((1, 64, 64, 3)), words).shape
    (1, 14, 23)
    >>> model.receptive_field
    15

    ```

    Args:
        vocabulary: the number of different words, the end of a sentence among them.
        in_channels: channels of the images.
        widths: channels of the stem and of each stage of the encoder; all of them halve the map.
        blocks: residual blocks of the last stage, where they cost least; each other stage has one.
        channels: of the words' features.
        layers: blocks of words, with the dilations 1, 2, 4 to 2^(layers - 1).
        kernel_size: taps of the causal convolutions, at least 2.
        kinds: if given, each cell of the last stage also says which of so many kinds of things it
            shows. No word needs it; with a loss of its own the encoder learns sooner.
        norm: of the encoder, ``"batch"``, ``"group"`` or ``"none"``.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    widths = tuple(arguments.integer("widths", width, at_least=1) for width in widths)
    if len(widths) < 2:
        raise ValueError(f"`widths` must be of the stem and a stage or more; got {widths}.")
    words = (
        arguments.integer("vocabulary", vocabulary, at_least=1),
        arguments.integer("channels", channels, at_least=1),
        arguments.integer("layers", layers, at_least=1),
        arguments.integer("kernel_size", kernel_size, at_least=2),
    )
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    blocks = arguments.integer("blocks", blocks, at_least=1)
    kinds = None if kinds is None else arguments.integer("kinds", kinds, at_least=1)
    return Captioner(in_channels, widths, blocks, words, kinds, Style(norm=norm, dtype=dtype), rngs)


class Captioner(nnx.Module):
    """A captioner; see `captioner`, which makes one.

    Attributes:
        receptive_field: how many of the words before it a word sees.
    """

    HEAD = ()

    def __init__(
        self,
        in_channels: int,
        widths: tuple[int, ...],
        blocks: int,
        words: tuple[int, int, int, int],
        kinds: int | None,
        style: Style,
        rngs: nnx.Rngs,
    ):
        vocabulary, channels, self.layers, window = words
        self.in_channels, self.style = in_channels, style
        self.receptive_field = 1 + (window - 1) * (2**self.layers - 1)
        self.stem = style.layer(rngs)(in_channels, widths[0], 3, stride=2)
        self.stages, basic = len(widths) - 1, Blocks((1, 1, 1, 1), bottleneck=False)
        for stage, (before, width) in enumerate(pairwise(widths), 1):
            sizes = [(before, 2)] + [(width, 1)] * (blocks - 1 if stage == self.stages else 0)
            chain = (Residual(c, (width, width), s, basic, style, 0.0, rngs) for c, s in sizes)
            setattr(self, f"stage{stage}", nnx.Sequential(*chain))
        cells, options = widths[-1] + 2, {"dtype": style.dtype, "rngs": rngs}
        self.cells = None if kinds is None else nn.Conv(widths[-1], kinds, (1, 1), **options)
        self.summary = nnx.Linear(cells, channels, **options)
        self.embedding = nnx.Embed(vocabulary, channels, **options)
        for i in range(self.layers):
            setattr(self, f"words{i + 1}", Block(channels, cells, window, 2**i, style, rngs))
        init = nn.for_activation("relu")
        self.hidden = nnx.Linear(channels, channels, kernel_init=init, **options)
        self.logits = nnx.Linear(channels, vocabulary, **options)

    def __call__(self, images: jax.Array, words: ArrayLike | None = None) -> jax.Array:
        """Map images (*batch, height, width, channels) and words (*batch, time) to logits.

        Args:
            images: of any size.
            words: the first words of a sentence for each image, numbers; None for none.

        Returns:
            (*batch, time + 1, vocabulary): of the first word, of the second one if the first is
            the one given, and so on; the last one is that of the word after those given.
        """
        return last(self.feature_maps(images, words))

    def feature_maps(
        self, images: jax.Array, words: ArrayLike | None = None
    ) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last, of what `__call__` takes.

        Returns:
            stem, stage1 ... memory: (*batch, height', width', channels); with `kinds` also cells,
            logits (*batch, height', width', kinds). summary: (*batch, channels). embedded: (*batch,
            time + 1, channels). For each block look1 ..., where the words look: (*batch, time + 1,
            height', width'), which sums to 1 for each word; and words1 ...: (*batch, time + 1,
            channels). hidden, logits: (*batch, time + 1, ...).

        Raises:
            TypeError, ValueError: `images` or `words` do not fit the network or each other.
        """
        maps = self.encode(images)
        return {**maps, **self.decode(maps["memory"], words)}

    def encode(self, images: jax.Array) -> dict[str, jax.Array]:
        """Return the feature maps of the image: stem to memory."""
        check_images(images, self.in_channels, (1, 1))
        x = self.stem(self.style.cast(images))
        maps = {"stem": x}
        for stage in range(1, self.stages + 1):
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
        if self.cells is not None:
            maps["cells"] = self.cells(x)
        maps["memory"] = jnp.concatenate([x, _places(x)], -1)
        return maps

    def decode(self, memory: jax.Array, words: ArrayLike | None = None) -> dict[str, jax.Array]:
        """The feature maps of the words, from a memory (*batch, height', width', channels)."""
        batch = memory.shape[:-3]
        words = jnp.zeros((*batch, 0), jnp.int32) if words is None else jnp.asarray(words)
        if not jnp.issubdtype(words.dtype, jnp.integer):
            raise TypeError(f"`words` must be integers; got {words.dtype}.")
        if words.shape[:-1] != batch or words.ndim == 0:
            raise ValueError(
                f"`words` must be (*batch, time), with the images' batch axes {batch}; got shape "
                f"{words.shape}."
            )
        summary = self.summary(F.global_avg_pool(memory, spatial_rank=2))
        x = F.pad(self.embedding(words), ((1, 0),)) + summary[..., None, :]  # none before the first
        maps = {"summary": summary, "embedded": x}
        for i in range(1, self.layers + 1):
            x, look = getattr(self, f"words{i}")(x, memory)
            maps |= {f"look{i}": look, f"words{i}": x}
        maps["hidden"] = jax.nn.relu(self.hidden(x))
        maps["logits"] = self.logits(maps["hidden"])
        return maps


class Block(nnx.Module):
    """A gated causal convolution over words, then attention to the image; see the file's table."""

    def __init__(
        self, channels: int, cells: int, window: int, dilation: int, style: Style, rngs: nnx.Rngs
    ):
        options = {"dtype": style.dtype, "rngs": rngs}
        self.norm = nnx.LayerNorm(channels, **options)
        self.conv = nn.Conv(
            channels, 2 * channels, (window,), padding="CAUSAL", dilation=dilation, **options
        )
        self.query = nnx.Linear(channels, channels, use_bias=False, **options)
        self.key = nnx.Linear(cells, channels, use_bias=False, **options)
        self.value = nnx.Linear(cells, channels, **options)

    def __call__(self, x: jax.Array, memory: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Map words (*batch, time, channels) and a memory (*batch, height, width, cells).

        Returns:
            Words, of the same shape, and where each looks, (*batch, time, height, width).
        """
        y, gate = jnp.split(self.conv(self.norm(x)), 2, axis=-1)
        y = y * jax.nn.sigmoid(gate)
        keys = self.key(memory)
        scores = jnp.einsum("...tc,...hwc->...thw", self.query(y), keys)
        look = jax.nn.softmax(scores / math.sqrt(keys.shape[-1]), (-2, -1))
        return x + y + jnp.einsum("...thw,...hwc->...tc", look, self.value(memory)), look


def _places(x: jax.Array) -> jax.Array:
    """How far down and to the right each cell of a map is, in [-1, 1]: (*batch, h, w, 2)."""
    height, width = x.shape[-3:-1]
    down, right = ((2 * np.arange(n) + 1) / n - 1 for n in (height, width))
    places = np.stack(np.meshgrid(down, right, indexing="ij"), -1)
    return jnp.broadcast_to(jnp.asarray(places, x.dtype), (*x.shape[:-1], 2))
