"""What is to be heard in a scene besides its lines, and how its lines are spoken, as English words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kling_core.plan.plan import Plan, PlannedLine
from kling_core.prompts.users_words import harmless

if TYPE_CHECKING:
    from kling_core.elements.element import Element

LANGUAGES = {"en": "English", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "es": "Spanish"}
_AMBIENCE = {
    "park": "light wind in the leaves and distant birds", "beach": "waves breaking on the shore and a light sea wind",
    "street": "distant traffic and passers-by", "room": "quiet room tone",
    "night street": "the low hum of a city at night", "studio": "quiet room tone",
    "shop": "the quiet murmur of a shop", "classroom": "quiet classroom tone",
    "road": "wind and now and then a passing vehicle", "stage": "the quiet tone of a large hall",
}
_DEED_SOUNDS = {
    "walk": "footsteps", "dance": "dancing steps", "bounce": "the beat of a bouncing ball",
    "ride": "the ticking of a bicycle's wheels", "pour": "the splash of something poured", "embrace": "rustling cloth",
}
_LOW_PITCH, _HIGH_PITCH = 150.0, 190.0  # Hz; speaking voices of men lie about 120, of women about 210


def ambience(plan: Plan) -> str:
    """The sounds of the scene's places, "a, then b"; "soft natural ambience" where nobody wrote a place."""
    places = (("" if "place" in shot.assumed else shot.place) for shot in plan.shots)
    return ", then ".join(dict.fromkeys(_AMBIENCE.get(place, "soft natural ambience") for place in places))


def deed_sounds(plan: Plan) -> str:
    """What people do audibly, "a, b and c"; empty where they do nothing of the kind."""
    verbs = dict.fromkeys(one.verb for shot in plan.shots for one in shot.performances)
    return listed([_DEED_SOUNDS[verb] for verb in verbs if verb in _DEED_SOUNDS])


def listed(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1] if words else "") if part)


def voice_of(element: "Element") -> str:
    """A voice by its pitch, with its article; empty for elements without a voice."""
    pitch = element.voice.pitch if element.voice else None
    if pitch is None:
        return ""
    return "a low voice" if pitch < _LOW_PITCH else "a high voice" if pitch > _HIGH_PITCH else "a voice of middle pitch"


def delivery_of(line: PlannedLine) -> str:
    """How a line is spoken, set off by commas: ", softly,"; empty where nobody wrote it."""
    said = harmless(line.delivery).replace("@", "").replace('"', "'").strip(" .,;:")
    return f", {said}," if said else ""


_MUSIC = re.compile(r"\b(?:background music|soundtrack|underscore|(?:film|musical|orchestral) score)\b", re.IGNORECASE)


def is_score(sentence: str) -> bool:
    """Whether a sentence of the director speaks of music that only the audience hears."""
    return bool(_MUSIC.search(sentence))


def speakers(plan: Plan) -> tuple[str, ...]:
    """Everybody who says a line, in the order in which they are first heard."""
    ordered = sorted(plan.lines, key=lambda line: (line.start, line.index))
    return tuple(dict.fromkeys(line.speaker for line in ordered))
