"""Sentences that say what is in a scene: functions of the scene, so that one alone is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax.arguments import shown

END = 0  # the word that ends a sentence, and fills the places after it
NUMBERS = ("two", "three", "four")
RELATIONS = ("left of", "right of", "above", "below")


@dataclass(frozen=True)
class Language:
    """Nouns of classes, and the sentences that are made of them.

        sentence  =  "nothing"  |  phrase [relation phrase ("and" [relation] phrase)*]
        phrase    =  singular   |  number plural
        number    =  "two"      |  "three"     |  "four"
        relation  =  "left of"  |  "right of"  |  "above"  |  "below"

    Objects with the same noun are one phrase. Phrases come in the order of the nouns. A relation
    says where the first phrase is, seen from the one that follows: a top *above* a bag. One that
    would be said twice is said once: a top above a bag and a dress.

    A phrase is where the mean of its objects' centers is. Of the distances down and to the right
    the larger one decides; if they are equal, that to the right. `margin` says how clearly.

    Args:
        nouns: for each class the singular with its article, and the plural. Classes with equal
            nouns mean the same.

    Attributes:
        vocabulary: all words by their number; the first, an empty one, ends a sentence.

    Raises:
        ValueError: `nouns` are something else.

    Example:
        >>> language = Language((("a top", "tops"), ("a bag", "bags")))
        >>> boxes = jnp.array([[[0, 0, 8, 8], [20, 0, 28, 8], [22, 10, 30, 20]]])
        >>> words = language.describe(jnp.array([[0, 1, 1]]), boxes, jnp.ones((1, 3), bool))
        >>> language.text(words[0])
        'a top above two bags'
    """

    nouns: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        pairs = self.nouns if isinstance(self.nouns, tuple) else ()
        if not pairs or any(len(pair) != 2 or not all(map(str.split, pair)) for pair in pairs):
            raise ValueError(
                "`nouns` must be a tuple of pairs (singular, plural), one for each class; got "
                f"{shown(self.nouns)}."
            )

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """All words by their number."""
        texts = ["nothing and", *RELATIONS, *NUMBERS, *(n for pair in self.nouns for n in pair)]
        return ("", *dict.fromkeys(" ".join(texts).split()))

    def length(self, objects: int) -> int:
        """Return the most words of a sentence about so many objects, its end included."""
        phrases = sorted(max(len(s.split()), 1 + len(p.split())) for s, p in set(self.nouns))
        phrases = phrases[-objects:]
        return sum(phrases) + max(3 * len(phrases) - 4, 0) + 1

    def describe(self, classes: ArrayLike, boxes: ArrayLike, valid: ArrayLike) -> jax.Array:
        """Return the sentence of each scene, as numbers of words; inside jit, too.

        Args:
            classes: (n, m) integers, the objects' classes; m is at most 4.
            boxes: (n, m, 4): (top, left, bottom, right). Those around what is seen make the
                sentence a function of the picture.
            valid: (n, m) bools: which objects there are.

        Returns:
            (n, length(m)) int32: words, then `END` up to the last place.

        Raises:
            ValueError: the shapes are others, or m is above 4.
        """
        objects = _objects(classes, boxes, valid)
        length, nothing = self.length(objects), self.vocabulary.index("nothing")

        def sentence(classes, boxes, valid):
            nouns, counts, down, right = self._phrases(classes, boxes, valid)
            words = self._words(nouns, counts, _relations(down, right)).reshape(-1)
            words = words[jnp.argsort(words == END, stable=True)][:length]
            return words.at[0].set(jnp.where(valid.any(), words[0], nothing))

        return jax.vmap(sentence)(*map(jnp.asarray, (classes, boxes, valid)))

    def margin(self, classes: ArrayLike, boxes: ArrayLike, valid: ArrayLike) -> jax.Array:
        """Return how clear the relations of a scene are, (n,) in pixels.

        It is the smallest difference between a phrase's distances down and to the right; infinite
        if there is no relation. If no center is wrong by a quarter of it on either axis, the
        sentence is the same.
        """
        _objects(classes, boxes, valid)

        def of(classes, boxes, valid):
            _, counts, down, right = self._phrases(classes, boxes, valid)
            difference = jnp.abs(jnp.abs(down) - jnp.abs(right))
            return jnp.where(counts > 0, difference, jnp.inf)[1:].min(initial=jnp.inf)

        return jax.vmap(of)(*map(jnp.asarray, (classes, boxes, valid)))

    def text(self, words: ArrayLike) -> str:
        """Return one sentence as text: words (length,), of which those after the end don't count.

        Example:
            >>> language = Language((("a top", "tops"),))
            >>> numbers = [language.vocabulary.index(word) for word in ("two", "tops", "")]
            >>> language.text(numbers + numbers)
            'two tops'
        """
        line = [self.vocabulary[word] for word in np.asarray(words).tolist()]
        return " ".join(line[: line.index("")] if "" in line else line)

    def _phrases(self, classes: jax.Array, boxes: jax.Array, valid: jax.Array):
        """Nouns, those of the scene first, how often each is there, how far from the first one."""
        distinct = list(dict.fromkeys(self.nouns))
        noun = jnp.asarray([distinct.index(pair) for pair in self.nouns])[classes]
        member = (noun[:, None] == jnp.arange(len(distinct))[None]) & valid[:, None]
        counts = member.sum(0)
        centers = (boxes[:, :2] + boxes[:, 2:]).astype(jnp.float32) / 2
        places = jnp.where(member[..., None], centers[:, None], 0).sum(0)
        places = places / jnp.maximum(counts, 1)[:, None].astype(jnp.float32)
        nouns = jnp.argsort(counts == 0, stable=True)[: len(valid)]
        down, right = (places[nouns] - places[nouns[:1]]).T
        return nouns, counts[nouns], down, right

    def _words(self, nouns: jax.Array, counts: jax.Array, relations: jax.Array) -> jax.Array:
        """The words of each phrase and of what is before it; `END` where there is none."""
        number, distinct = self.vocabulary.index, list(dict.fromkeys(self.nouns))
        singular, plural = zip(*distinct)
        texts = [*singular, *("two " + noun for noun in plural)]
        forms = self._numbers(texts).reshape(2, len(distinct), -1)
        numbers = jnp.asarray([END, END, *map(number, NUMBERS)])
        many = forms[1, nouns].at[:, 0].set(numbers[counts])
        phrase = jnp.where(counts[:, None] == 1, forms[0, nouns], many)
        place = jnp.arange(len(nouns))
        repeated = (place > 1) & (relations == jnp.roll(relations, 1))
        left_out = ((place == 0) | repeated)[:, None]
        relation = jnp.where(left_out, END, self._numbers(RELATIONS)[relations])
        both = jnp.where(place > 1, number("and"), END)[:, None]
        words = jnp.concatenate([both, relation, phrase], 1)
        return jnp.where(counts[:, None] > 0, words, END).astype(jnp.int32)

    def _numbers(self, texts: Sequence[str]) -> jax.Array:
        """The words of each text by their numbers, then `END` up to the longest one's."""
        lines = [[self.vocabulary.index(word) for word in text.split()] for text in texts]
        longest = max(map(len, lines))
        return jnp.asarray([line + [END] * (longest - len(line)) for line in lines])


def _relations(down: jax.Array, right: jax.Array) -> jax.Array:
    """Where the first phrase is, seen from each, by its place in `RELATIONS`."""
    beside = jnp.abs(right) >= jnp.abs(down)
    return jnp.where(beside, jnp.where(right >= 0, 0, 1), jnp.where(down >= 0, 2, 3))


def _objects(classes: ArrayLike, boxes: ArrayLike, valid: ArrayLike) -> int:
    """How many objects a scene may have, if the shapes are right."""
    shape = np.shape(valid)
    if len(shape) != 2 or np.shape(classes) != shape or np.shape(boxes) != (*shape, 4):
        raise ValueError(
            "`classes`, `boxes` and `valid` must be (n, m), (n, m, 4) and (n, m); got "
            f"{np.shape(classes)}, {np.shape(boxes)} and {shape}."
        )
    if not 1 <= shape[1] <= 1 + len(NUMBERS):
        raise ValueError(
            f"`valid` must be (n, m) with m from 1 to {1 + len(NUMBERS)}, as there are no further "
            f"number words; got {shape}."
        )
    return shape[1]


TOP, SHOE = ("a top", "tops"), ("a shoe", "shoes")
TROUSERS, DRESS = ("a pair of trousers", "pairs of trousers"), ("a dress", "dresses")
BAG = ("a bag", "bags")
FINE = Language(
    (
        ("a t-shirt", "t-shirts"),
        TROUSERS,
        ("a pullover", "pullovers"),
        DRESS,
        ("a coat", "coats"),
        ("a sandal", "sandals"),
        ("a shirt", "shirts"),
        ("a sneaker", "sneakers"),
        BAG,
        ("an ankle boot", "ankle boots"),
    )
)
"""A noun for each class of Fashion-MNIST."""

COARSE = Language((TOP, TROUSERS, TOP, DRESS, TOP, SHOE, TOP, SHOE, BAG, SHOE))
"""The same with one noun for four kinds of tops, and one for three kinds of shoes."""
