"""A small text encoder, which tells the nearest known action, face, place and camera word of wordings nobody listed.

A text is the bag of its character n-grams (Joulin et al. 2016, "Bag of tricks for efficient text classification";
Bojanowski et al. 2017, "Enriching word vectors with subword information"), each the sum of two hashed rows of one small
embedding table, so that few n-grams share both (Serrà & Karatzoglou 2017, "Getting deep recommenders fit: Bloom
embeddings"). Their sum over the root of their number goes through one hidden layer to a softmax a field.
`previz.training.words` trains it on the tables of `wordings`; the weights name their labels, so that the code knows
none. numpy only, below a millisecond a clause.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from kling_core.errors import KlingError, Problem

SHIPPED = Path(__file__).parent / "weights" / "words.safetensors"
"""Beside the code that reads it: the storyboard knows nothing of the models that make pictures."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_UNSPACED = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]+")
_ACCENTS = str.maketrans("áàâäéèêëíìîïóòôöúùûüñç", "aaaaeeeeiiiioooouuuunc")
_SECOND_HASH = 7919
_SYLLABLES, _JAMO = (0xAC00, 0xD7A3), (0x1100, 0x1161, 0x11A7)


@dataclass(frozen=True)
class Reading:
    """The most probable label of a field, and its probability in [0, 1]."""

    label: str
    confidence: float


def features(text: str, rows: int) -> np.ndarray:
    """Rows of the embedding table [n, 2] for a text's n-grams; n is 0 for a text without letters.

    Words give n-grams of 3 to 5 characters, themselves and pairs of neighbours (Hangul as letters, accents dropped);
    Chinese and Japanese runs n-grams of 1 to 4.
    """
    grams: list[str] = []
    words: list[str] = []
    for piece in _WORD.findall(text.lower().translate(_ACCENTS)):
        last = 0
        for run in _UNSPACED.finditer(piece):
            words += _words_of(piece[last: run.start()])
            characters = run.group()
            grams += _ngrams(f"<{characters}>" if len(characters) > 1 else characters, 1, 4)
            last = run.end()
        words += _words_of(piece[last:])
    for word in words:
        grams += [word, *_ngrams(word, 3, 5)]
    grams += [f"{one} {other}" for one, other in zip(words, words[1:])]
    hashed = [(zlib.crc32(gram), zlib.crc32(gram, _SECOND_HASH)) for gram in map(str.encode, grams)]
    return np.array(hashed, np.int64).reshape(-1, 2) % rows


def _words_of(piece: str) -> list[str]:
    return [f"<{''.join(_letters(character) for character in piece)}>"] if piece else []


def _letters(character: str) -> str:
    """A Hangul syllable as its letters, which its inflection changes one by one; others as they are."""
    code = ord(character)
    if not _SYLLABLES[0] <= code <= _SYLLABLES[1]:
        return character
    first, vowel, final = (code := code - _SYLLABLES[0]) // 588, code // 28 % 21, code % 28
    return chr(_JAMO[0] + first) + chr(_JAMO[1] + vowel) + (chr(_JAMO[2] + final) if final else "")


def _ngrams(text: str, shortest: int, longest: int) -> list[str]:
    return [
        text[at: at + size] for size in range(shortest, longest + 1) for at in range(len(text) - size + 1)
        if text[at: at + size] not in "<>"
    ]


class Encoder:
    """Reads texts. fields: the labels of each field, in the order of its softmax. about: who made the weights how.

    Raises KlingError when the file is not there or is no encoder.
    """

    def __init__(self, path: Path = SHIPPED):
        try:
            with safe_open(path, "np") as file:
                self.about = json.loads(file.metadata()["about"])
                weights = {key: file.get_tensor(key).astype(np.float32) for key in file.keys()}
            self.fields: dict[str, tuple[str, ...]] = {key: tuple(value) for key, value in self.about["labels"].items()}
            self._table = weights["table"] * weights["scale"]
            self._hidden, self._heads = (weights["hidden.weight"], weights["hidden.bias"]), weights
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            what = f"the weights {path.name} cannot be read ({type(error).__name__})"
            remedy = "Install the package again, or make weights with `kling train words`."
            raise KlingError(Problem("director", what, remedy)) from error

    def read(self, text: str) -> dict[str, Reading]:
        """What a text most probably says, a reading for each field. Nothing for a text without letters."""
        return {
            field: Reading(labels[at := int(np.argmax(chances))], float(chances[at]))
            for (field, chances), labels in zip(self.chances(text).items(), self.fields.values())
        }

    def chances(self, text: str) -> dict[str, np.ndarray]:
        """Probability of every label of every field, in the order of `fields`; empty for a text without letters."""
        rows = features(text, len(self._table))
        if not len(rows):
            return {}
        pooled = self._table[rows].sum((0, 1)) / np.sqrt(len(rows))
        weight, bias = self._hidden
        hidden = np.maximum(weight @ pooled + bias, 0)
        return {
            field: _softmax(self._heads[f"{field}.weight"] @ hidden + self._heads[f"{field}.bias"])
            for field in self.fields
        }

    def nearest(self, field: str, text: str, known: Collection[str]) -> Reading | None:
        """The most probable of those labels of a field that are among `known`; None for a text without letters."""
        chances = self.chances(text)
        if not chances:
            return None
        label, chance = max(
            (pair for pair in zip(self.fields[field], chances[field]) if pair[0] in known), key=lambda pair: pair[1]
        )
        return Reading(label, float(chance))


@lru_cache(maxsize=1)
def encoder() -> Encoder:
    """The shipped encoder, read from disk at the first call."""
    return Encoder()


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()
