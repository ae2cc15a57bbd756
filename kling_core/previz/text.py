"""The script as the model reads it: a few words of a closed vocabulary, of the scene, of a shot, of a person."""

from __future__ import annotations

from kling_core.plan.plan import Performance, PlannedShot

_WORDS = {
    "place": (
        "park", "beach", "street", "room", "night street", "studio", "shop", "classroom", "road", "stage",
    ),
    "time": ("day", "sunset", "night"),
    "size": ("wide", "full", "medium", "close", "extreme close", "insert"),
    "angle": ("eye", "low", "high", "over shoulder", "pov"),
    "move": ("static", "dolly", "truck", "pedestal", "pan", "tilt", "roll", "zoom", "orbit", "follow", "handheld"),
    "verb": (
        "stand", "walk", "wave", "talk", "turn", "point", "nod", "sit", "hold", "pour", "bounce", "dance", "embrace",
        "ride",
    ),
    "prop": ("cup", "book", "phone", "umbrella", "bag", "ball", "jug", "bicycle"),
    "expression": ("neutral", "joy", "sadness", "surprise", "anger", "fear"),
}
PADDING = 0
VOCABULARY = {
    (field, word): number
    for number, (field, word) in enumerate(((field, word) for field, words in _WORDS.items() for word in words), 1)
}


def scene_words(shot: PlannedShot) -> list[int]:
    """What holds for the whole scene, read off any of its shots."""
    return [VOCABULARY["place", shot.place], VOCABULARY["time", shot.time_of_day]]


def shot_words(shot: PlannedShot) -> list[int]:
    """Size, angle and first camera move of a shot."""
    move = shot.camera[0].kind if shot.camera else "static"
    return [VOCABULARY["size", shot.size], VOCABULARY["angle", shot.angle], VOCABULARY["move", move]]


def person_words(performance: Performance) -> list[int]:
    """What one person does, with what, and how it feels."""
    words = [VOCABULARY["verb", performance.verb], VOCABULARY["expression", performance.expression]]
    return words + ([VOCABULARY["prop", performance.carried]] if performance.carried else [])
