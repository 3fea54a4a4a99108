"""Captioning: what is in an image, in words, one after the other.

Sentences are numbers of words, (n, length): `END`, which is 0, ends one and fills the places after
it. Words count up to the first `END`, which counts too. The network's outputs are logits (n,
length, vocabulary), those at place t of word t, which must depend on the words before t alone. A
batch has `words`, the true sentences; the network sees those without their last place, in training
all at once ("teacher forcing").

A sentence is found word by word: `greedy` takes the likeliest word each time; `beam_search` keeps
the `width` likeliest beginnings. Both call a function `logits_of` that computes the logits of given
words, and run inside jit.

>>> logits = jnp.log(jnp.array([[0.1, 0.5, 0.4], [0.8, 0.1, 0.1], [1.0, 0.0, 0.0]]))
>>> greedy(lambda words: jnp.broadcast_to(logits, (*words.shape, 3)), n=1, length=3).tolist()
[[1, 0, 0]]

References:
    Aneja, Deshpande and Schwing, *Convolutional image captioning*, 2018, arXiv:1711.09151.
    Papineni, Roukos, Ward and Zhu, *BLEU: a method for automatic evaluation of machine
    translation*, 2002, section 2.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments

END = 0
LogitsOf = Callable[[jax.Array], jax.Array]


def counted(words: ArrayLike) -> jax.Array:
    """Say which words count: those up to the first `END`, and that one.

    Args:
        words: (..., length) integers.

    Returns:
        Bools of the same shape.

    Example:
        >>> counted(jnp.array([[5, 2, 0, 0]])).tolist()
        [[True, True, True, False]]
    """
    ended = (jnp.asarray(words) == END).astype(jnp.int32)
    return jnp.cumsum(ended, -1) - ended == 0


def loss(
    outputs: jax.Array, batch: Mapping[str, jax.Array]
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return minus the log probability of each true sentence: its words' cross entropies' sum.

    Args:
        outputs: logits (n, length, vocabulary).
        batch: `words`, (n, length) integers.

    Returns:
        Losses (n,), and by name: `words`, the share of words that are the likeliest, each after the
        true ones; `exact`, whether all are. That is so if and only if `greedy` finds the sentence.

    Raises:
        ValueError: the shapes do not fit together.

    Example:
        >>> outputs = jnp.zeros((1, 3, 4)).at[0, :, 2].set(1)
        >>> losses, parts = loss(outputs, {"words": jnp.array([[2, 0, 0]])})
        >>> round(float(losses[0]), 3), parts["words"].tolist(), parts["exact"].tolist()
        (2.487, [0.5], [0.0])
    """
    words = batch["words"]
    if outputs.ndim != 3 or words.shape != outputs.shape[:2]:
        raise ValueError(
            "`outputs` must be (n, length, vocabulary) and `words` (n, length); got "
            f"{outputs.shape} and {words.shape}."
        )
    counts = counted(words)
    log_p = jax.nn.log_softmax(outputs.astype(jnp.float32))
    of_words = jnp.take_along_axis(log_p, words[..., None], -1)[..., 0]
    right = (outputs.argmax(-1) == words) & counts
    shares = right.sum(-1) / counts.sum(-1)
    exact = (right == counts).all(-1).astype(jnp.float32)
    return -jnp.where(counts, of_words, 0).sum(-1), {"words": shares, "exact": exact}


def greedy(logits_of: LogitsOf, *, n: int, length: int) -> jax.Array:
    """Return sentences of which each word is the likeliest one after those before it.

    Args:
        logits_of: see `beam_search`, with 1 for k.
        n: how many sentences.
        length: of the longest sentence, its end included.

    Returns:
        (n, length) int32, `END` after the end.

    Raises:
        TypeError, ValueError: an argument is wrong.
    """
    return beam_search(logits_of, n=n, length=length, width=1)[0][:, 0]


def beam_search(
    logits_of: LogitsOf, *, n: int, length: int, width: int
) -> tuple[jax.Array, jax.Array]:
    """Return the likeliest sentences that a beam search finds.

    Of all beginnings of t words the `width` likeliest are kept, then each is continued by every
    word. A finished sentence stays among them while it is likely enough. Its log probability is the
    sum over its words and its end, not divided by its length.

    Args:
        logits_of: words (n, k, length) to logits (n, k, length, vocabulary), those at place t of
            the words up to t - 1 alone, which are the ones found so far; what is after them is
            `END`. It must depend on them in no other way.
        n: how many sentences; for images one each.
        length: of the longest sentence, its end included. One that does not end in time is cut.
        width: how many beginnings are kept, k.

    Returns:
        Sentences (n, width, length) int32, the likeliest first, `END` after the end, and their log
        probabilities (n, width), -inf where there are fewer different ones.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> logits = jnp.log(jnp.array([[0.1, 0.5, 0.4], [0.8, 0.1, 0.1], [1.0, 0.0, 0.0]]))
        >>> def logits_of(words):
        ...     return jnp.broadcast_to(logits, (*words.shape, 3))
        >>> words, scores = beam_search(logits_of, n=1, length=3, width=2)
        >>> words[0].tolist(), np.exp(scores[0].tolist()).round(2).tolist()
        ([[1, 0, 0], [2, 0, 0]], [0.4, 0.32])
    """
    n = arguments.integer("n", n, at_least=1)
    length = arguments.integer("length", length, at_least=1)
    width = arguments.integer("width", width, at_least=1)
    arguments.function("logits_of", logits_of, "(words)")

    def longer(t, beams):
        words, scores = beams
        log_p = jax.nn.log_softmax(logits_of(words)[:, :, t].astype(jnp.float32))
        vocabulary = log_p.shape[-1]
        is_end = jnp.arange(vocabulary) == END
        ended = (t > 0) & (jnp.take(words, jnp.maximum(t - 1, 0), axis=-1) == END)
        only_end = jnp.where(is_end, 0, -jnp.inf)[None, None]
        log_p = jnp.where(ended[..., None], only_end, log_p)
        totals = (scores[..., None] + log_p).reshape(n, width * vocabulary)
        scores, chosen = jax.lax.top_k(totals, width)
        words = jnp.take_along_axis(words, (chosen // vocabulary)[..., None], 1)
        return words.at[:, :, t].set(chosen % vocabulary), scores

    # All beams are the same at first: one alone may be continued.
    first = jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf)
    beams = jnp.full((n, width, length), END), jnp.broadcast_to(first, (n, width))
    words, scores = jax.lax.fori_loop(0, length, longer, beams)
    return words.astype(jnp.int32), scores


def exact_match(words: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """Say which sentences are the true ones, word for word.

    Args:
        words: (n, length) integers; what is after the end does not count.
        truth: (n, length), likewise.

    Returns:
        (n,) bools.

    Raises:
        ValueError: there are more sentences in one than in the other.

    Example:
        >>> exact_match([[4, 2, 0], [4, 0, 9]], [[4, 3, 0], [4, 0, 0]]).tolist()
        [False, True]
    """
    return np.array([one == other for one, other in _pairs(words, truth)], bool)


def bleu(words: ArrayLike, truth: ArrayLike, *, n: int = 4) -> float:
    """Return BLEU of a corpus: how many runs of up to `n` words are those of the truth.

    `exp(min(0, 1 - r / c) + mean over i = 1 ... n of log p_i)`: p_i is the share of runs of i words
    in all sentences that are in the true ones, each as often as there at most; c and r are the
    numbers of words of all sentences and of all true ones, ends not counted. Nothing is smoothed:
    it is 0 if no run of `n` words is right.

    Args:
        words: (k, length) integers, what was said; what is after the end does not count.
        truth: (k, length), the one true sentence ("reference") for each.
        n: the longest run of words.

    Raises:
        TypeError, ValueError: `n` is no positive int, or there are more sentences in one than in
            the other.

    References:
        Papineni et al., *BLEU*, 2002, section 2.3.

    Example:
        >>> round(bleu([[1, 2, 3, 4, 5, 0]], [[1, 2, 3, 4, 6, 0]]), 4)
        0.6687
    """
    n = arguments.integer("n", n, at_least=1)
    pairs = _pairs(words, truth)
    right, runs = np.zeros(n), np.zeros(n)
    for said, true in pairs:
        for i in range(n):
            found, expected = _runs(said, i + 1), _runs(true, i + 1)
            right[i] += (found & expected).total()
            runs[i] += found.total()
    if not right.all():
        return 0.0
    c, r = sum(len(said) for said, _ in pairs), sum(len(true) for _, true in pairs)
    return math.exp(min(0, 1 - r / c) + float(np.log(right / runs).mean()))


def _runs(sentence: tuple[int, ...], length: int) -> Counter:
    return Counter(sentence[i : i + length] for i in range(len(sentence) - length + 1))


def _pairs(words: ArrayLike, truth: ArrayLike) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Sentences without their ends, each with the true one."""
    for name, side in (("words", words), ("truth", truth)):
        if np.ndim(side) != 2:
            raise ValueError(f"`{name}` must be sentences, (k, length); got {np.shape(side)}.")
    both = [np.asarray(words).tolist(), np.asarray(truth).tolist()]
    if len(both[0]) != len(both[1]):
        raise ValueError(
            f"`truth` must have as many sentences as `words`, {len(both[0])}; got {len(both[1])}."
        )
    said, true = ([tuple(s[: s.index(END)] if END in s else s) for s in side] for side in both)
    return list(zip(said, true))
