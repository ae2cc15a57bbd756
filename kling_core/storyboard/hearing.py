"""Words that no table lists, taken for their nearest known ones by the text encoder, or told to be like none.

The tables and grammars are exact and come first; this is asked where they are silent.
"""

from __future__ import annotations

import re

from kling_core.storyboard.encoder import Reading, encoder
from kling_core.storyboard.masking import NAME, QUOTE
from kling_core.storyboard.storyboard import (
    ANGLES,
    EXPRESSIONS,
    MOVE_KINDS,
    PLACES,
    PROPS,
    SHOT_SIZES,
    TIMES_OF_DAY,
    VERBS,
    Heard,
)

_NOTHING, _UNPLAYABLE = "none", "other"
# Probabilities below which a reading is not taken.
_SURE_ACTION, _SURE_EXPRESSION, _SURE_PROP, _SURE_ATTRIBUTE = 0.5, 0.7, 0.8, 0.8
_ATTRIBUTES = {
    "size": ("size", SHOT_SIZES), "angle": ("angle", ANGLES), "place": ("place", PLACES),
    "time": ("time_of_day", TIMES_OF_DAY), "move": ("camera", MOVE_KINDS),
}
_MASKED = re.compile(rf"{NAME}+(?:は|が|も|이|가|은|는|도)?|{QUOTE}")
_PIECE = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_UNSPACED = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
_MOST_WORDS, _MOST_CHARACTERS, _LONGEST_PHRASE = 4, 8, 60
_ALONE = 0.8  # of its sentence's confidence a phrase must keep when it stands alone


def hear_action(clause: str, named: bool) -> Heard | None:
    """What the subject of a masked clause does, where no table knows the clause's verb.

    named: the clause names its subject, so that it probably tells an action. None when it tells none; `read_as` None
    when it tells one that is like nothing we know.
    """
    reading = _nearest("verb", clause, (*VERBS, _NOTHING, _UNPLAYABLE))
    sure = reading is not None and reading.confidence >= _SURE_ACTION
    if reading is None or (reading.label == _NOTHING and (sure or not named)):
        return None
    if sure:
        return _heard("verb", reading, clause, None if reading.label == _UNPLAYABLE else reading.label)
    words = _shortened(_bare(clause))
    return Heard(words=words, field="verb", confidence=round(reading.confidence, 2)) if named else None


def is_sure(action: Heard) -> bool:
    """Whether the encoder knows what an action is, be it one like nothing we know."""
    return action.confidence >= _SURE_ACTION


def hear_prop(clause: str) -> Heard | None:
    """What the subject of a masked clause has in their hands, None for nothing or an unsure thing."""
    reading = _nearest("prop", clause, (*PROPS, _NOTHING))
    if reading is None or reading.label == _NOTHING or reading.confidence < _SURE_PROP:
        return None
    return _heard("prop", reading, clause, reading.label)


def hear_expression(clause: str) -> Heard | None:
    """The expression that a masked clause gives its subject, None for none or an unsure one."""
    reading = _nearest("expression", clause, EXPRESSIONS)
    if reading is None or reading.label == "neutral" or reading.confidence < _SURE_EXPRESSION:
        return None
    return _heard("expression", reading, clause, reading.label)


def hear_attributes(part: str) -> list[Heard]:
    """What a part of a shot's parentheses says of size, angle, place, time and camera, as far as it is sure."""
    found = []
    for field, (name, known) in _ATTRIBUTES.items():
        reading = _nearest(field, part, (*known, _NOTHING))
        if reading and reading.label != _NOTHING and reading.confidence >= _SURE_ATTRIBUTE:
            words = _shortened(part)
            found.append(Heard(words=words, field=name, read_as=reading.label, confidence=round(reading.confidence, 2)))
    return found


def move_of(part: str) -> dict[str, str | None]:
    """Direction and speed of the camera move that a part of a shot's parentheses asks for."""
    readings = encoder().read(part)
    direction = readings["direction"].label
    return {"direction": None if direction == _NOTHING else direction, "speed": readings["speed"].label}


def _nearest(field: str, text: str, known: tuple[str, ...]) -> Reading | None:
    return encoder().nearest(field, _bare(text), known)


def _bare(text: str) -> str:
    return _MASKED.sub(" ", text)


def _heard(field: str, reading: Reading, clause: str, read_as: str | None) -> Heard:
    words = _phrase(field, reading, _bare(clause)) or _shortened(_bare(clause))
    return Heard(words=words, field=field, read_as=read_as, confidence=round(reading.confidence, 2))


def _phrase(field: str, reading: Reading, text: str) -> str | None:
    """The shortest piece of a text that alone reads as the whole does; None for a short text, or when no piece does."""
    if _UNSPACED.search(text):
        if len(text.strip()) <= _MOST_CHARACTERS:
            return None
        # Two characters are the least that a note can show: one alone seldom is a word.
        spans = [(at, at + 2) for at in range(len(text) - 1) if text[at: at + 2].isalpha()]
        most = _MOST_CHARACTERS
    else:
        spans = [match.span() for match in _PIECE.finditer(text)]
        most = _MOST_WORDS
    label = encoder().fields[field].index(reading.label)
    for count in range(1, most + 1):
        pieces = [text[first[0]: last[1]] for first, last in zip(spans, spans[count - 1:])]
        chances = [(encoder().chances(piece)[field][label], piece) for piece in pieces]
        if chances and max(chances)[0] >= _ALONE * reading.confidence:
            return _shortened(max(chances)[1])
    return None


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_PHRASE else text[: _LONGEST_PHRASE - 1] + "…"
