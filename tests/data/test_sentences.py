"""`data.scenes.Language`: sentences against a version in plain Python, and against the grammar."""

import re

import jax
import numpy as np
import pytest

from cnn_jax.data.scenes import COARSE, END, FINE, Language

SMALL = Language(
    (("a cat", "cats"), ("an old dog", "old dogs"), ("a cat", "cats"), ("fish", "fish"))
)
LANGUAGES = {"fine": FINE, "coarse": COARSE, "small": SMALL}


def plainly(language, classes, boxes, valid):
    """The sentence as text, object by object, and its margin."""
    groups = {}
    for kind, (top, left, bottom, right), there in zip(classes, boxes, valid):
        if there:
            groups.setdefault(language.nouns[kind], []).append(
                ((top + bottom) / 2, (left + right) / 2)
            )
    if not groups:
        return "nothing", np.inf
    phrases = []
    for noun in sorted(groups, key=language.nouns.index):
        count = len(groups[noun])
        number = [None, None, "two", "three", "four"][count]
        text = noun[0] if count == 1 else f"{number} {noun[1]}"
        phrases.append((text, np.mean(groups[noun], 0)))
    (sentence, here), *others = phrases
    said, margin = "", np.inf
    for place, (text, there) in enumerate(others):
        down, right = there - here
        if abs(right) >= abs(down):
            relation = "left of" if right >= 0 else "right of"
        else:
            relation = "above" if down >= 0 else "below"
        margin = min(margin, abs(abs(down) - abs(right)))
        sentence += " and" if place else ""
        sentence += f" {text}" if relation == said else f" {relation} {text}"
        said = relation
    return sentence, margin


def drawn(language, m, n=300, seed=0):
    """Objects at random, many of the same class."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(len(language.nouns), size=(n, m))
    classes[: n // 2] = np.minimum(classes[: n // 2], 2)
    corners = rng.integers(0, 12, (n, m, 2)) * 5.0
    boxes = np.concatenate([corners, corners + 2 * rng.integers(1, 9, (n, m, 2))], -1)
    return classes, boxes.astype(np.float32), rng.random((n, m)) < 0.6


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("name", LANGUAGES)
def test_sentences_are_those_of_plain_python(name, m):
    language = LANGUAGES[name]
    objects = drawn(language, m)
    words = np.asarray(jax.jit(language.describe)(*objects))
    margins = np.asarray(jax.jit(language.margin)(*objects))
    assert words.shape == (300, language.length(m))
    assert words.dtype == np.int32
    seen = set()
    for line, found, *scene in zip(words, margins, *objects):
        text, margin = plainly(language, *scene)
        if margin < 1e-3:  # the mean of three places is rounded, so that a tie may go either way
            continue
        assert language.text(line) == text
        count = len(text.split())
        assert (line[:count] != END).all()
        assert (line[count:] == END).all()
        assert line[-1] == END
        np.testing.assert_allclose(found, margin, atol=1e-4)
        seen.add(text)
    assert "nothing" in seen
    assert len(seen) > (len(set(language.nouns)) if m < 2 else 15)


def test_the_longest_sentence_fits_just():
    for language, m, expected in ((FINE, 3, 14), (COARSE, 3, 13), (FINE, 1, 4), (SMALL, 4, 12)):
        sizes = [max(len(s.split()), 1 + len(p.split())) for s, p in set(language.nouns)]
        assert language.length(m) - 1 == expected
        assert expected <= sum(sorted(sizes)[-m:]) + max(3 * min(m, len(sizes)) - 4, 0)
    # A t-shirt, trousers, an ankle boot: the boot to the right, the trousers below.
    boxes = np.array([[[0, 0, 9, 9], [30, 0, 39, 9], [0, 30, 9, 39]]])
    words = FINE.describe(np.array([[0, 1, 9]]), boxes, np.ones((1, 3), bool))
    text = "a t-shirt above a pair of trousers and left of an ankle boot"
    assert FINE.text(words[0]) == text
    assert len(text.split()) == 13


@pytest.mark.parametrize(
    ("places", "text"),
    [
        ([(0, 0), (0, 9)], "a bag left of a shoe"),
        ([(0, 9), (0, 0)], "a bag right of a shoe"),
        ([(0, 0), (9, 8)], "a bag above a shoe"),
        ([(9, 0), (0, 8)], "a bag below a shoe"),
        ([(0, 0), (9, 9)], "a bag left of a shoe"),
        ([(9, 9), (0, 0)], "a bag right of a shoe"),
        ([(5, 5), (5, 5)], "a bag left of a shoe"),
        ([(0, 0), (0, 9), (9, 0)], "a bag left of two shoes"),  # as far down as to the right
        ([(0, 0), (0, 9), (8, 0)], "a bag left of two shoes"),
        ([(0, 0), (0, 8), (9, 0)], "a bag above two shoes"),
    ],
)
def test_the_larger_distance_decides(places, text):
    language = Language((("a bag", "bags"), ("a shoe", "shoes")))
    places = np.array(places, float)
    boxes = np.concatenate([places, places + 2], -1)[None]
    classes = np.minimum(np.arange(len(places)), 1)[None]
    words = language.describe(classes, boxes, np.ones(classes.shape, bool))
    assert language.text(words[0]) == text


def test_the_order_of_objects_does_not_matter():
    classes, boxes, valid = drawn(COARSE, 3)
    there = np.asarray(COARSE.describe(classes, boxes, valid))
    back = COARSE.describe(classes[:, ::-1], boxes[:, ::-1], valid[:, ::-1])
    # Sums of three places may round another way: only where two directions are nearly equal.
    clear = np.asarray(COARSE.margin(classes, boxes, valid)) > 1e-3
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(there[clear], np.asarray(back)[clear])


def test_the_words():
    assert COARSE.vocabulary[END] == FINE.vocabulary[END] == ""
    assert len(set(FINE.vocabulary)) == len(FINE.vocabulary) == 35
    assert len(COARSE.vocabulary) == 23
    assert len(FINE.nouns) == len(COARSE.nouns) == 10
    assert len(set(COARSE.nouns)) == 5


@pytest.mark.parametrize("nouns", [(), (("a bag",),), [("a bag", "bags")], (("a bag", " "),)])
def test_wrong_nouns_are_refused(nouns):
    with pytest.raises(ValueError, match="`nouns` must be a tuple of pairs"):
        Language(nouns)


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        (((2, 3), (2, 3), (2, 3)), "got (2, 3), (2, 3) and (2, 3)."),
        (((3,), (3, 4), (3,)), "got (3,), (3, 4) and (3,)."),
        (((2, 5), (2, 5, 4), (2, 5)), "with m from 1 to 4"),
    ],
)
def test_wrong_shapes_are_refused(shapes, text):
    classes, boxes, valid = (np.zeros(shape, int) for shape in shapes)
    for function in (COARSE.describe, COARSE.margin):
        with pytest.raises(ValueError, match=re.escape(text)):
            function(classes, boxes, valid.astype(bool))
