"""Scripts in Spanish, Chinese, Japanese and Korean, word for word in the director's English, so that one grammar reads
them all.

A gloss is no translation to show: it holds the words that the tables know (`wordings`), in English order, and the
others as they stand. Names and quotations are masked characters (`masking`) and stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from kling_core.storyboard.inflection import verb_forms
from kling_core.storyboard.languages import detect_language
from kling_core.storyboard.masking import NAME, QUOTE
from kling_core.storyboard.wordings import wordings

_SPACED = ("es", "ko")
_ENGLISH = {
    "verb": "{}s", "prop": "a {}", "place": "in the {}", "time": "at {}", "angle": "{}", "move": "{}",
    "expression": {"joy": "smiling", "sadness": "sad", "surprise": "surprised", "anger": "angry", "fear": "scared"},
    "size": {
        "wide": "wide shot", "full": "full shot", "medium": "medium shot", "close": "close-up",
        "extreme close": "extreme close-up", "insert": "insert shot",
    },
    "speed": {"slow": "slowly", "fast": "quickly"},
}
_SPECIAL = {
    ("angle", "over shoulder"): "over the shoulder", ("angle", "low"): "low angle", ("angle", "high"): "high angle",
    ("angle", "eye"): "eye level", ("move", "follow"): "tracking shot", ("prop", "umbrella"): "an umbrella",
    ("place", "stage"): "on the stage", ("place", "road"): "on the road", ("place", "beach"): "on the beach",
    ("time", "day"): "by day",
}
_MOVED_ABOUT = ("walks", "turns", "points", "rides")
_NAMED = "\0"  # stands for any name in the keys of a glossary, written N in the tables
_SEPARATOR = re.compile(
    rf"([,.;:!?，。；：！？、()（）\n—–…]|{QUOTE}|\b(?:mientras|pero|luego|entonces|después)\b)", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH_SMALL_WORDS = re.compile(
    r"\b(?:the|an|and|of|in|on|at|to|is|are|with|by|as|his|her|shot|up|down|while|then|from|into)\b", re.IGNORECASE
)
_EASTERN = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_KOREAN_PARTICLE = re.compile(r"(?:에서|에|의|을|를|이|가|은|는|으로|로|와|과|에게|도)?(?![가-힣])")


@dataclass(frozen=True)
class _Known:
    """What a wording says in English. field: that of the table, "gloss" for words of grammar."""

    english: str
    field: str


@dataclass(frozen=True)
class _Token:
    text: str
    field: str | None


def script_language(text: str) -> str:
    """The language in which a masked script is written, whatever its quotations are in."""
    plain = re.sub(rf"{NAME}|{QUOTE}", " ", text)
    language = detect_language(plain)
    if language != "en":
        return language
    spanish = _spanish_words()
    found = sum(word in spanish for word in _WORD.findall(plain.lower()))
    return "es" if found > len(_ENGLISH_SMALL_WORDS.findall(plain)) else "en"


@lru_cache(maxsize=1)
def _spanish_words() -> frozenset[str]:
    """Words that only Spanish scripts have: those of its headers and its glossary that are no English words too."""
    glossary, _ = _glossary("es")
    return frozenset(wordings("es")["shot"]) | {
        word for word, known in glossary.items() if len(word) > 1 and word not in known.english.lower()
    }


def gloss(text: str, language: str) -> str:
    """A masked text in English words; English comes back as it is."""
    if language == "en":
        return text
    pieces = _SEPARATOR.split(text)
    return "".join(piece if at % 2 else _gloss_clause(piece, language) for at, piece in enumerate(pieces))


def _gloss_clause(clause: str, language: str) -> str:
    if not clause.strip() or (language != "es" and not _EASTERN.search(clause)):
        return clause
    tokens = _tokens(clause, language)
    if language != "es":
        tokens = _in_english_order(tokens)
    text = " ".join(token.text for token in tokens)
    return f" {_sided(text, tokens)} "


@cache
def _glossary(language: str) -> tuple[dict[str, _Known], int]:
    """Every wording of a language in every form, lower case, with what it says; and the length of the longest."""
    table, found = wordings(language), {}
    for field, english in _ENGLISH.items():
        for label, entries in table[field].items():
            if label in ("none", "other"):
                continue
            said = _SPECIAL.get((field, label)) or (
                english[label] if isinstance(english, dict) else english.format(label)
            )
            for entry in entries:
                if field == "prop" and _with_an_adjective(entry, entries, language):
                    continue  # the noun alone is found too, also as the object in a verb's wording
                _add(found, entry, _Known(said, field), language, inflected=field == "verb")
    for said, entries in table["doing"].items():
        for entry in entries:
            _add(found, entry, _Known(said, "verb"), language, inflected=False)
    for said, entries in table["gloss"].items():
        for entry in entries:
            _add(found, entry, _Known(said.strip() if said != "not " else said, "gloss"), language, inflected=False)
    return found, max(map(len, found))


def _with_an_adjective(entry: str, entries: list[str], language: str) -> bool:
    nouns = entries if language in _SPACED else [noun for noun in entries if len(noun) > 1]
    joint = " " if language in _SPACED else ""
    return any(entry != noun and entry.endswith(joint + noun) for noun in nouns)


def _add(found: dict[str, _Known], entry: str, known: _Known, language: str, inflected: bool) -> None:
    wording = entry.lstrip("~=").replace("{R}", "").replace("  ", " ").strip()
    if wording.startswith("≈"):
        return
    forms, negatives = [wording], []
    if inflected or entry.startswith("~"):
        forms, negatives = verb_forms(wording, language, wordings(language).get("irregular", {}))
    for form in forms:
        key = form.replace("N", _NAMED).lower()
        if len(key) > 1 or language in ("zh", "ja", "es"):
            found[key] = known
    for form in negatives:
        found[form] = _Known("not " + known.english, known.field)


def _tokens(clause: str, language: str) -> list[_Token]:
    glossary, longest = _glossary(language)
    plain = re.sub(NAME, _NAMED, clause).lower()
    tokens: list[_Token] = []
    unknown, at = "", 0
    while at < len(clause):
        stop = next(
            (at + size for size in range(min(longest, len(clause) - at), 0, -1)
             if plain[at: at + size] in glossary and _stands_alone(plain, at, at + size, language)),
            None,
        )
        if stop is None and not re.match(NAME, clause[at]):
            unknown += clause[at]
            at += 1
            continue
        if unknown.strip():
            tokens.append(_Token(unknown.strip(), None))
        unknown = ""
        if stop is None:
            name = re.match(f"{NAME}+", clause[at:]).group()  # names side by side do the same (`staging`)
            tokens.append(_Token(name, "name"))
            at += len(name)
            continue
        tokens.append(_token(glossary[plain[at:stop]], re.findall(NAME, clause[at:stop])))
        at = stop
    if unknown.strip():
        tokens.append(_Token(unknown.strip(), None))
    return tokens


def _token(known: _Known, names: list[str]) -> _Token:
    if not names:
        return _Token(known.english, known.field)
    left = iter(names)
    text = re.sub("N", lambda _: next(left), known.english)
    return _Token(text, "name" if known.english in ("N", "NN") else known.field)


def _stands_alone(text: str, start: int, stop: int, language: str) -> bool:
    """Whether text[start:stop] is a word of its own, as far as a language's writing shows that."""
    if language in _SPACED and text[start] != _NAMED and text[start - 1: start].isalnum():
        return False
    if language == "es":
        return not text[stop: stop + 1].isalnum()
    if language == "ko":
        return text[stop - 1] in "고며않" + _NAMED or bool(_KOREAN_PARTICLE.match(text, stop))
    if language == "ja" and stop - start == 1 and _HAN.match(text[start]):
        return not (_HAN.match(text[start - 1: start]) or _HAN.match(text[stop: stop + 1]))
    return True


def _in_english_order(tokens: list[_Token]) -> list[_Token]:
    """Who, does what, and the rest: where a language puts its verb last, or to whom before it."""
    tokens = _negated(tokens)
    first_verb = next((at for at, token in enumerate(tokens) if token.field == "verb"), len(tokens))
    who = [token for at, token in enumerate(tokens) if token.field == "name" and at < first_verb]
    verbs = [token for token in tokens if token.field == "verb"]
    rest = [
        _Token("at " + token.text, "gloss") if token.field == "name" else token
        for token in tokens if token not in verbs and token not in who
    ]
    return [*who, *verbs, *rest]


def _negated(tokens: list[_Token]) -> list[_Token]:
    """The tokens with each "not" joined to what it denies, so that no new order can part them."""
    joined: list[_Token] = []
    for token in tokens:
        if joined and joined[-1].text == "not ":
            joined[-1] = _Token("not " + token.text, token.field)
        else:
            joined.append(token)
    return joined


def _sided(text: str, tokens: list[_Token]) -> str:
    """Spanish says "a la izquierda" of a place and of a direction: the verb tells."""
    moves = any(token.text in _MOVED_ABOUT or token.field == "move" for token in tokens)
    return re.sub(r"\bat the (left|right)\b", r"to the \1" if moves else r"on the \1", text)
