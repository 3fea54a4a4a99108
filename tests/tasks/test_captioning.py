"""Captioning against other ways: the loss word by word, brute force, BLEU counted by hand."""

import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.tasks import captioning

V, T = 3, 4  # words and the longest sentence of a tiny language


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def tables(n=2, seed=0, scale=2.0):
    """Logits of the next word for every beginning: a function of image and words before."""
    rng = np.random.default_rng(seed)
    beginnings = [b for t in range(T) for b in itertools.product(range(V), repeat=t)]
    return [{b: scale * rng.standard_normal(V) for b in beginnings} for _ in range(n)]


def as_function(known):
    """The same as arrays: `words (n, k, T) -> logits (n, k, T, V)`."""
    arrays = []
    for t in range(T):
        lines = [[table[b] for b in itertools.product(range(V), repeat=t)] for table in known]
        arrays.append(jnp.asarray(lines, jnp.float32))

    def logits_of(words):
        made, place = [], jnp.zeros(words.shape[:2], jnp.int32)
        for t in range(T):
            made.append(jnp.take_along_axis(arrays[t], place[..., None], 1))
            place = place * V + words[:, :, t]
        return jnp.stack(made, 2)

    return logits_of


def sentences(table):
    """Every sentence of the language with its log probability, the likeliest first."""
    found = {}
    for words in itertools.product(range(V), repeat=T):
        ends = words.index(0) + 1 if 0 in words else T
        words = words[:ends] + (0,) * (T - ends)
        found[words] = sum(log_softmax(table[words[:t]])[words[t]] for t in range(ends))
    return sorted(found.items(), key=lambda pair: -pair[1])


def beams(table, width):
    """Beam search with Python's lists."""
    kept = [((), 0.0)]
    for t in range(T):
        longer = []
        for words, score in kept:
            if t and words[-1] == 0:
                longer.append(((*words, 0), score))
            else:
                of = log_softmax(table[words])
                longer += [((*words, w), score + of[w]) for w in range(V)]
        kept = sorted(longer, key=lambda pair: -pair[1])[:width]
    return kept


def search(known, width):
    run = jax.jit(
        lambda: captioning.beam_search(as_function(known), n=len(known), length=T, width=width)
    )
    return jax.device_get(run())


@pytest.mark.parametrize("seed", [0, 1])
def test_a_wide_beam_finds_what_brute_force_finds(seed):
    known = tables(seed=seed)
    words, scores = search(known, V**T)
    for table, found, log_p in zip(known, words, scores):
        expected = sentences(table)
        count = len(expected)
        assert count == 31  # 1 + 2 + 4 + 8 that end, and 16 that are cut
        assert [tuple(line) for line in found[:count].tolist()] == [w for w, _ in expected]
        np.testing.assert_allclose(log_p[:count], [s for _, s in expected], rtol=1e-4, atol=1e-5)
        assert np.isneginf(log_p[count:]).all()
        assert math.isclose(np.exp(log_p[:count]).sum(), 1, rel_tol=1e-5)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_a_narrow_beam_is_that_of_plain_python(width):
    known = tables(n=12)
    words, scores = search(known, width)
    assert words.dtype == np.int32
    missed = 0
    for table, found, log_p in zip(known, words, scores):
        expected = beams(table, width)
        assert [tuple(line) for line in found.tolist()] == [w for w, _ in expected]
        np.testing.assert_allclose(log_p, [s for _, s in expected], rtol=1e-4, atol=1e-5)
        missed += expected[0][0] != sentences(table)[0][0]
    assert (missed > 0) is (width < 2)  # for some of these twelve one beam is too few


def test_greedy_takes_the_likeliest_word_each_time():
    known = tables(n=12)
    run = jax.jit(lambda: captioning.greedy(as_function(known), n=12, length=T))
    lengths = set()
    for table, found in zip(known, np.asarray(run()).tolist()):
        words = ()
        while len(words) < T and 0 not in words:
            words = (*words, int(table[words].argmax()))
        lengths.add(len(words))
        assert tuple(found) == words + (0,) * (T - len(words))
    assert len(lengths) > 2


def test_the_loss_is_minus_the_log_probability_of_the_sentence():
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((5, 6, 7))
    words = rng.integers(1, 7, (5, 6))
    ends = [0, 1, 3, 5, 6]
    for line, end in zip(words, ends):
        line[end : end + 1] = 0  # what is after it does not count, whatever it is
    outputs[2, :4] += 9 * np.eye(7)[words[2, :4]]
    outputs[3, :3] += 9 * np.eye(7)[words[3, :3]]
    batch = {"words": jnp.asarray(words)}
    losses, parts = jax.jit(captioning.loss)(jnp.asarray(outputs, jnp.float32), batch)
    assert set(parts) == {"words", "exact"}
    for i, end in enumerate(ends):
        places = range(min(end + 1, 6))
        expected = -sum(log_softmax(outputs[i, t])[words[i, t]] for t in places)
        right = [outputs[i, t].argmax() == words[i, t] for t in places]
        assert float(losses[i]) == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert float(parts["words"][i]) == pytest.approx(np.mean(right))
        assert float(parts["exact"][i]) == all(right)
    assert np.asarray(parts["exact"]).tolist()[2] == 1


def test_exact_is_what_greedy_finds():
    known = tables(n=12)
    logits_of = as_function(known)
    found = captioning.greedy(logits_of, n=12, length=T)
    for truth, expected in ((found, 12), (found.at[:, 1].set(2), None)):
        _, parts = captioning.loss(logits_of(truth[:, None])[:, 0], {"words": truth})
        exact = captioning.exact_match(found, truth)
        np.testing.assert_array_equal(np.asarray(parts["exact"]), exact)
        assert exact.sum() == expected or (expected is None and 0 < exact.sum() < 12)


def by_hand(right, runs, c, r):
    precisions = [a / b for a, b in zip(right, runs)]
    return min(1, math.exp(1 - r / c)) * math.prod(precisions) ** (1 / len(right))


CASES = [
    # Papineni et al. 2002, example 2: "the" seven times, of which two count.
    (["the the the the the the the"], ["the cat is on the mat"], 1, 2 / 7),
    (["a b c d e"], ["a b c d f"], 4, by_hand([4, 3, 2, 1], [5, 4, 3, 2], 5, 5)),
    # Too short: exp(1 - 6 / 4), and all of it right.
    (["a b c d"], ["a b c d e f"], 4, math.exp(-0.5)),
    # Too long is not punished but by precision.
    (["a b c d e f"], ["a b c d"], 4, by_hand([4, 3, 2, 1], [6, 5, 4, 3], 6, 4)),
    # Counts of all sentences are added before anything is divided.
    (["a b", "a b c d e"], ["a b", "a b c d e"], 4, 1.0),
    (["a b", "a b c d x"], ["a c", "a b c d e"], 4, by_hand([5, 3, 2, 1], [7, 5, 3, 2], 7, 7)),
    (["a b"], ["a b"], 4, 0.0),  # without four words nothing of four words is right
    (["b a d c"], ["a b c d"], 2, 0.0),
    ([""], ["a b c d"], 4, 0.0),
]


def numbered(texts):
    lines = [[1 + ord(w[0]) - ord("a") + 30 * (len(w) - 1) for w in t.split()] for t in texts]
    length = max(map(len, lines)) + 1
    return np.array([line + [0] * (length - len(line)) for line in lines])


@pytest.mark.parametrize(("said", "true", "n", "expected"), CASES)
def test_bleu_as_counted_by_hand(said, true, n, expected):
    assert captioning.bleu(numbered(said), numbered(true), n=n) == pytest.approx(expected)


def test_bleu_is_that_of_nltk():
    bleu_score = pytest.importorskip("nltk.translate.bleu_score")
    rng = np.random.default_rng(0)
    said = rng.integers(0, 4, (40, 12))
    said[:, :4] += 1  # NLTK counts one run of 4 in sentences that are too short to have any
    true = np.where(rng.random(said.shape) < 0.7, said, rng.integers(0, 4, said.shape))
    both = [[line[: [*line, 0].index(0)] for line in side.tolist()] for side in (said, true)]
    expected = bleu_score.corpus_bleu([[line] for line in both[1]], both[0])
    assert captioning.bleu(said, true) == pytest.approx(expected)


def test_what_is_after_the_end_does_not_count():
    words, truth = [[3, 4, 0, 5, 6], [0, 1, 1, 1, 1]], [[3, 4, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert captioning.exact_match(words, truth).tolist() == [True, True]
    assert captioning.bleu(words, truth, n=2) == 1
    assert np.asarray(captioning.counted(jnp.asarray(words))).sum(1).tolist() == [3, 1]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: captioning.loss(jnp.zeros((2, 4, 3)), {"words": jnp.zeros((2, 5), int)}),
            ValueError,
            "`outputs` must be (n, length, vocabulary) and `words` (n, length); got (2, 4, 3) and "
            "(2, 5).",
        ),
        (lambda: captioning.bleu([[1]], [[1], [2]]), ValueError, "as many sentences as `words`, 1"),
        (lambda: captioning.bleu([[1]], [[1]], n=0), ValueError, "`n` must be a positive int"),
        (
            lambda: captioning.beam_search(lambda w: w, n=1, length=2, width=0),
            ValueError,
            "`width` must be a positive int; got 0.",
        ),
        (lambda: captioning.greedy(3, n=1, length=2), TypeError, "`logits_of` must be a function"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_one_sentence_is_no_batch():
    for measure in (captioning.bleu, captioning.exact_match):
        with pytest.raises(ValueError, match=re.escape("`words` must be sentences, (k, length)")):
            measure([1, 2, 0], [1, 2, 0])
    assert captioning.exact_match(np.zeros((0, 3), int), np.zeros((0, 3), int)).dtype == bool
