"""Sentences as a director might write them, made of the tables of `storyboard.wordings`, each with what it says."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from kling_core.storyboard.inflection import verb_forms
from kling_core.storyboard.wordings import wordings

IGNORED = -100
"""The label of a field about which a sentence leaves open what it says."""
FIELDS: dict[str, tuple[str, ...]] = {
    "verb": (
        "none", "other", "stand", "walk", "wave", "talk", "turn", "point", "nod", "sit", "hold", "pour", "bounce",
        "dance", "embrace", "ride",
    ),
    "expression": ("neutral", "joy", "sadness", "surprise", "anger", "fear"),
    "prop": ("none", "cup", "book", "phone", "umbrella", "bag", "ball", "jug", "bicycle"),
    "place": (
        "none", "park", "beach", "street", "room", "night street", "studio", "shop", "classroom", "road", "stage",
    ),
    "time": ("none", "day", "sunset", "night"),
    "size": ("none", "wide", "full", "medium", "close", "extreme close", "insert"),
    "angle": ("none", "eye", "low", "high", "over shoulder", "pov"),
    "move": (
        "none", "static", "dolly", "truck", "pedestal", "pan", "tilt", "roll", "zoom", "orbit", "follow", "handheld",
    ),
    "direction": ("none", "in", "out", "left", "right", "up", "down", "clockwise", "counterclockwise"),
    "speed": ("normal", "slow", "fast"),
}
_SLOT = re.compile(r"\{(\w)\}")
_IMPLIES_A_PROP = ("ride", "bounce", "pour", "hold")
_ATTRIBUTES = (
    "{Z}", "{Z}", "{L}", "{L}", "{M}", "{M}", "{M}", "{X} {M}", "{M} {X}", "{P}", "{T}", "{P} {T}", "{Z} {P}",
    "{Z} {L}", "{Z} {O}", "{M} {O}", "{O}",
)
_LETTERS = {"zh": (0x4E00, 0x9FA5), "ja": (0x4E00, 0x9FA5), "ko": (0xAC00, 0xD7A3)}  # Han, Han, Hangul syllables
_VERB_ENDINGS = {
    "en": ("s", "ing", "ed", ""), "es": ("a", "e", "ando", "ó", "ar"), "zh": ("", "着", "了"),
    "ja": ("る", "ている", "ます", "った"),
    "ko": ("한다", "는다", "고 있다", "했다", "거린다"),
}
_PROSE_SHARE, _EXPRESSIVE_VERB, _NO_ACTION, _UNPLAYABLE, _TYPO, _STRANGE = 0.68, 0.15, 0.12, 0.16, 0.08, 0.25


class SentenceMaker:
    """Makes sentences of one language.

    wanted: which wordings may be used, told as "LANGUAGE FIELD LABEL WORDING"; a label none of whose wordings is
    wanted never comes.
    """

    def __init__(self, language: str, wanted: Callable[[str], bool], chance: random.Random):
        self._language, self._chance = language, chance
        self._table = wordings(language)
        self._entries = {
            field: {
                label: entries for label, all_entries in self._table[field].items()
                if (entries := [entry for entry in all_entries if wanted(f"{language} {field} {label} {entry}")])
            }
            for field in ("verb", "expression", "prop", "place", "time", "size", "angle", "move", "speed")
        }

    def sentence(self) -> tuple[str, list[int]]:
        """A text, names left out as the encoder reads it, and the number of its label in every field of FIELDS."""
        said: dict[str, str] = {}
        prose = self._chance.random() < _PROSE_SHARE
        template = self._chance.choice(self._table["prose"] if prose else _ATTRIBUTES)
        if self._language in ("zh", "ja") and not prose:
            joint = "的" if self._language == "zh" else "の"
            template = template.replace(" ", self._chance.choice(("", "", " ", joint)))
        text = _SLOT.sub(lambda slot: self._fill(slot[1], said), template)
        text = _SLOT.sub(lambda slot: self._fill(slot[1], said), text)  # wordings may hold a prop
        joint = "" if self._language in ("zh", "ja") else " "
        if self._chance.random() < _STRANGE:
            text = joint.join((text, self._strange()))
        if self._chance.random() < _STRANGE / 2:
            text = joint.join((self._strange(), text))
        if self._chance.random() < _TYPO:
            text = self._mistyped(text)
        labels = [
            IGNORED if said.get(field) == "?" else labels.index(said.get(field, labels[0]))
            for field, labels in FIELDS.items()
        ]
        return " ".join(text.split()), labels

    def _fill(self, slot: str, said: dict[str, str]) -> str:
        if slot == "S":
            return self._chance.choice(self._table["subjects"])
        if slot == "A":
            return self._strange() if self._chance.random() < _STRANGE else self._chance.choice(self._table["adverbs"])
        if slot == "O":
            return self._strange() if self._chance.random() < _STRANGE else self._chance.choice(self._table["objects"])
        if slot == "V":
            return self._verb(said)
        if slot == "E":
            return self._expression(said)
        field = {"R": "prop", "P": "place", "T": "time", "Z": "size", "L": "angle", "M": "move", "X": "speed"}[slot]
        label, wording = self._pick(field)
        if field == "move":
            label, _, direction = label.partition(" ")
            said["direction"] = direction or "none"
        said[field] = label
        return wording

    def _pick(self, field: str, label: str | None = None) -> tuple[str, str]:
        label = label or self._chance.choice(list(self._entries[field]))
        return label, self._chance.choice(self._entries[field][label])

    def _verb(self, said: dict[str, str]) -> str:
        draw = self._chance.random()
        expressive = "expression" not in said and draw < _EXPRESSIVE_VERB
        if expressive:
            label, wording = self._pick("expression")
            if wording.startswith("~"):
                said |= {"expression": label, "verb": "none"}
                return self._inflected(wording)
        choices = [label for label in self._entries["verb"] if label not in ("none", "other")]
        label = self._chance.choice(choices)
        for often, wanted in ((_NO_ACTION, "none"), (_UNPLAYABLE, "other")):
            if wanted in self._entries["verb"] and self._chance.random() < often:
                label = wanted
        label, wording = self._pick("verb", label)
        said["verb"] = label
        if label == "other" and self._chance.random() < _STRANGE:
            return self._strange(1) + self._chance.choice(_VERB_ENDINGS[self._language])
        if label in _IMPLIES_A_PROP and "{R}" not in wording:
            said.setdefault("prop", "?")
        return self._inflected(wording)

    def _expression(self, said: dict[str, str]) -> str:
        label, wording = self._pick("expression", said.get("expression"))
        said["expression"] = label
        return self._inflected(wording) if wording.startswith("~") else wording

    def _inflected(self, wording: str) -> str:
        plain = wording.lstrip("≈~")
        if plain.startswith("="):
            return plain[1:]
        forms, _ = verb_forms(plain, self._language, self._table.get("irregular", {}))
        return self._chance.choice(forms)

    def _strange(self, most: int = 3) -> str:
        """One to `most` words that mean nothing: what they stand beside still counts."""
        words = []
        for _ in range(self._chance.randint(1, most)):
            if self._language in _LETTERS:
                low, high = _LETTERS[self._language]
                words.append("".join(chr(self._chance.randint(low, high)) for _ in range(self._chance.randint(1, 3))))
            else:
                word = self._chance.choice(self._pick("verb")[1].strip("≈").split())
                words.append("".join(self._chance.sample(word, len(word))))
        return ("" if self._language in ("zh", "ja") else " ").join(words)

    def _mistyped(self, text: str) -> str:
        """The text with two neighbouring letters swapped, or one left out."""
        at = self._chance.randrange(max(1, len(text) - 1))
        swapped = text[at + 1: at + 2] + text[at: at + 1] if self._chance.random() < 0.5 else text[at + 1: at + 2]
        return text[:at] + swapped + text[at + 2:]
